// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_search.hpp>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "support/pages.hpp"
#include "support/scratch.hpp"

using vmio::address;
using vmio::address_range;
using vmio::byte_pattern;
using vmio::process;
using addresses = std::vector<address>;

namespace {

const std::size_t page = vmio::page_size();

/// Pages with a word in the middle, across the seam of two pages, and at the end; the one behind cannot be read.
struct words {
    words() {
        memory.make_hole(4);
        for (const address where : places()) std::memcpy(at(where), "needle", 6);
    }
    addresses places() const { return {memory.start() + 100, memory.page(2) - 3, memory.page(4) - 6, memory.page(5)}; }
    char* at(address where) const { return memory.chars() + (where - memory.start()); }

    test::pages memory{6};
};

/// The bytes of `text` from 0 on, but for those from 'x' on up to the next page.
struct text_memory {
    std::size_t read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept {
        ec.clear();
        std::size_t done = 0;
        for (; done < to.size() && where + done < text.size() && text[where + done] != 'x'; ++done)
            to[done] = static_cast<std::byte>(text[where + done]);
        if (done == 0) ec.assign(error, std::system_category());
        return done;
    }
    std::vector<address_range> ranges() const { return {{0, text.size()}}; }

    std::string text;
    int error = EFAULT;
};

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_known_to_be_zero_is_not_read_unless_zeros_match) {
    struct sparse_text {
        std::size_t read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept {
            *read += to.size();
            return text.read_some(where, to, ec);
        }
        std::vector<address_range> ranges() const { return text.ranges(); }
        std::vector<address_range> stored() const { return {{100, 103}, {500, 501}, {999, 1000}}; }
        text_memory text;
        std::size_t* read;
    };
    std::size_t read = 0;
    std::string text(1000, '\0');
    text.replace(100, 3, "abc").replace(500, 1, "b").replace(999, 1, "b");
    const sparse_text memory{{text}, &read};
    const auto found = [&](std::string_view what) { return search(memory, byte_pattern::text(what)); };
    using namespace std::string_view_literals;
    BOOST_TEST(found("abc") == addresses{100}, boost::test_tools::per_element());
    BOOST_TEST(found("\0\0a"sv) == addresses{98}, boost::test_tools::per_element());
    BOOST_TEST(found("\0b\0"sv) == addresses{499}, boost::test_tools::per_element());
    BOOST_TEST(found("c\0\0"sv) == addresses{102}, boost::test_tools::per_element());
    BOOST_TEST((found("\0b"sv) == addresses{499, 998}));
    BOOST_TEST(read < 100u);
    const auto summary = search(memory, byte_pattern::text("nothing"), [](address) { return true; });
    BOOST_TEST(summary.searched == 1000u);
    BOOST_TEST(found("\0\0\0\0"sv).size() == 97u + 394u + 495u);
}

BOOST_AUTO_TEST_CASE(a_captured_process_is_searched) {
    const words some;
    test::on_self_and_child([&](pid_t id) {
        vmio::capture_options options;
        options.ranges = {some.memory.range()};
        const auto kept = vmio::process_snapshot::capture(process(id), options);
        BOOST_TEST(vmio::search(kept, byte_pattern::text("needle")) == some.places(), boost::test_tools::per_element());
    });
}

BOOST_AUTO_TEST_CASE(a_core_file_is_searched) {
    const words before;  // beside the others: not to be one mapping with them, nor in the core
    const words some;
    const words behind;
    const test::child_process child;
    const test::scratch_directory directory;
    vmio::core_options options;
    options.wanted = [&](const vmio::mapping& m) { return m.range.overlaps(some.memory.range()); };
    vmio::write_core(process(child.id()), directory / "core", options);
    const auto core = vmio::core_memory::open(directory / "core");
    BOOST_TEST(vmio::search(core, byte_pattern::text("needle")) == some.places(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_search_ends_when_found_returns_false_and_counts) {
    const text_memory memory{std::string(3 * page, 'a')};
    const auto all = vmio::search(
        memory, byte_pattern::text("aa"), [](address at) { return at < 4; }, 2);
    BOOST_TEST((all == vmio::search_summary{3 * page, 0, 3, true}));
    BOOST_TEST(vmio::search(memory, byte_pattern::text("aa")).size() == 3 * page - 1);
    BOOST_CHECK_THROW(vmio::search(memory, byte_pattern::text("aa"), 0), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(no_match_spans_unreadable_bytes) {
    text_memory memory{std::string(page - 3, '.') + "wox" + std::string(page, '.')};
    memory.text.replace(page, 3, "rd.");
    memory.text.replace(page + 10, 4, "word");
    BOOST_TEST(vmio::search(memory, byte_pattern::text("word")) == addresses{page + 10},
               boost::test_tools::per_element());
    const auto summary = vmio::search(memory, byte_pattern::text("word"), [](address) { return true; });
    BOOST_TEST((summary == vmio::search_summary{2 * page, 1, 1, false}));
}

BOOST_AUTO_TEST_CASE(an_error_other_than_a_bad_address_ends_the_search) {
    const text_memory memory{"abcx", ESRCH};
    BOOST_CHECK_EXCEPTION(vmio::search(memory, byte_pattern::text("z")), vmio::memory_error,
                          [](const vmio::memory_error& e) { return e.code().value() == ESRCH && e.where() == 3; });
}
