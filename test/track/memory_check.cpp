// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_check.hpp>

#include <sstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/checkpoint.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>

#include "processes/child.hpp"
#include "support/kernel_features.hpp"
#include "support/pages.hpp"

using vmio::address_of;
using vmio::memory_check;
using vmio::memory_equals;

namespace {

bool has(const memory_check& check, const std::string& part) {
    BOOST_TEST(!check);
    std::ostringstream out;
    out << check;
    BOOST_TEST(out.str() == check.message());
    if (check.message().find(part) != std::string::npos) return true;
    BOOST_TEST_MESSAGE(check.message());
    return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(memory_check_)

BOOST_AUTO_TEST_CASE(memory_that_equals_is_as_expected) {
    const int number = 42;
    const std::string text = "some text";
    test::on_self_and_child([&](pid_t id) {
        const vmio::process_memory memory(id);
        BOOST_TEST(memory_equals(memory, address_of(&number), 42));
        BOOST_TEST(memory_equals(memory, address_of(text.data()), "some text"));
        BOOST_TEST(memory_equals(memory, address_of(text.data()), text));
        BOOST_TEST(memory_equals(memory, address_of(text.data()), std::as_bytes(std::span(text))));
        BOOST_TEST(memory_equals(memory, 0x10, std::string_view()));
    });
    std::ostringstream out;
    out << memory_check();
    BOOST_TEST(out.str() == "as expected");
}

BOOST_AUTO_TEST_CASE(what_differs_is_shown_from_its_first_byte_on) {
    const test::pages page(1);
    std::memcpy(page.data(), "some text", 9);
    const vmio::process_memory memory(::getpid());
    const memory_check check = memory_equals(memory, page.start(), "some word");
    std::ostringstream first;
    first << std::hex << "0x" << page.start() + 5;
    BOOST_TEST(has(check, first.str() + " on"));
    BOOST_TEST(has(check, "|word|"));
    BOOST_TEST(has(check, "|text|"));
    const vmio::address end = page.range().end();
    BOOST_TEST(has(memory_equals(memory, end - 4, std::uint64_t{0}), "differs"));
    const auto last = memory.read_value<std::uint32_t>(end - 4);
    BOOST_TEST(has(memory_equals(memory, end - 4, std::array{last, last}), "cannot be read: Bad address"));
}

BOOST_AUTO_TEST_CASE(a_difference_outside_of_what_is_allowed_is_listed) {
    const test::pages pages(2);
    const test::child_process child;
    const vmio::process_memory memory(child.id());
    vmio::capture_options only;
    only.ranges = {pages.range()};  // the child may still be on its way to its read(2)
    const auto before = vmio::process_snapshot::capture(memory, only);
    BOOST_TEST(differs_only_in(before, memory, {}));
    memory.write_value(pages.page(0) + 8, 1);
    memory.write_value(pages.page(1), 2);
    const vmio::address_range first = vmio::address_range::of_size(pages.page(0) + 8, 4);
    BOOST_TEST(has(differs_only_in(before, memory, {}), "2 ranges differ"));
    const memory_check rest = differs_only_in(before, memory, std::vector{first});
    BOOST_TEST(has(rest, "1 range differs"));
    BOOST_TEST(has(rest, to_string(vmio::address_range::of_size(pages.page(1), 4))));
    BOOST_TEST(differs_only_in(before, memory, std::vector{first, vmio::address_range::of_size(pages.page(1), 4)}));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_tells_what_has_changed_since,
                     *boost::unit_test::precondition(test::can_write_protect)) {
    const test::pages pages(3);
    const test::child_process child;
    // Only these: the child may still be on its way to its read(2).
    vmio::checkpoint base(child.id(), {.ranges = {pages.range()}});
    const vmio::process_memory& memory = base.memory();
    BOOST_TEST(unchanged_since(base));
    memory.write_value(pages.page(1) + 16, 1);
    memory.write_value(pages.page(2), memory.read_value<int>(pages.page(2)));  // no other bytes than before
    BOOST_TEST((base.differences() == std::vector{vmio::address_range::of_size(pages.page(1) + 16, 4)}));
    BOOST_TEST(has(unchanged_since(base), "1 range differs"));
    BOOST_TEST(unchanged_since(base, std::vector{vmio::address_range::of_size(pages.page(1), 64)}));
    base.restore();
    BOOST_TEST(unchanged_since(base));
}

BOOST_AUTO_TEST_SUITE_END()
