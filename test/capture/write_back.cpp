// SPDX-License-Identifier: BSL-1.0
/// Putting captured bytes back into a process.
#include <algorithm>
#include <cerrno>
#include <vector>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/page_map.hpp>
#include <vmio/process_snapshot.hpp>

#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"

using test::child_process;
using test::is_pattern;
using test::mapped;
using test::pages;
using test::peek;
using vmio::address_range;
using vmio::process;
using vmio::process_memory;
using vmio::process_snapshot;
using vmio::write_back_result;

namespace {

const std::size_t page = vmio::page_size();
using runs = std::vector<address_range>;

process_snapshot captured(const process& target, runs ranges) {
    vmio::capture_options options;
    options.ranges = std::move(ranges);
    return process_snapshot::capture(target, options);
}

bool failed_at(const write_back_result& result, const runs& expected, int error = EFAULT) {
    runs found;
    for (const vmio::write_failure& f : result.failed) {
        if (f.error.value() != error) return false;
        found.push_back(f.range);
    }
    return found == expected;
}

}  // namespace

BOOST_AUTO_TEST_CASE(pages_that_differ_are_put_back_and_no_others_are_written) {
    const pages memory(50);
    const mapped zeros(50);
    const child_process child;
    const process target(child.id());
    const process_memory live(target);
    const process_snapshot s = captured(target, {memory.range(), zeros.range()});
    const std::vector<std::byte> junk(3 * page, std::byte{0xee});
    live.write(memory.page(4) + 100, junk);
    live.write(memory.page(40), std::span(junk).first(1));
    live.write(zeros.page(7), std::span(junk).first(page));

    const write_back_result result = s.write_back(live);
    BOOST_TEST(result.failed.empty());
    BOOST_TEST(result.written == 6 * page);
    BOOST_TEST(is_pattern(memory.start(), peek(child.id(), memory.start(), memory.size())));
    BOOST_TEST(vmio::scan_pages(target, zeros.range(), vmio::page_state::present).size() == 1u);
    BOOST_TEST(test::all_equal(peek(child.id(), zeros.start(), zeros.size()), std::byte{0}));
    BOOST_TEST(s.write_back(live).written == 0u);
}

BOOST_AUTO_TEST_CASE(no_byte_outside_of_the_chosen_ranges_is_written) {
    const pages memory(20);
    const child_process child;
    const process target(child.id());
    const process_memory live(target);
    const process_snapshot s = captured(target, {memory.range()});
    const std::vector<std::byte> junk(memory.size(), std::byte{0xee});
    live.write(memory.start(), junk);
    const runs chosen{{memory.page(2) + 10, memory.page(2) + 20},
                      {memory.page(5) - 1, memory.page(7) + 1},
                      {memory.page(9), memory.page(9)},
                      {memory.page(20) - 3, memory.page(20)}};
    const write_back_result result = s.write_back(live, chosen);
    BOOST_TEST(result.written == 10 + 2 * page + 2 + 3);
    const std::vector<std::byte> now = peek(child.id(), memory.start(), memory.size());
    for (std::size_t i = 0; i < now.size(); ++i) {
        bool inside = false;
        for (const address_range& r : chosen) inside = inside || r.contains(memory.start() + i);
        BOOST_REQUIRE((now[i] == (inside ? test::pattern(memory.start() + i) : std::byte{0xee})));
    }
}

BOOST_AUTO_TEST_CASE(unwritable_pages_are_reported_and_the_rest_is_put_back) {
    pages memory(10);
    const process self = process::self();
    const process_snapshot s = captured(self, {{memory.page(0), memory.page(9)}});
    for (std::byte& b : memory.bytes()) b ^= std::byte{1};
    memory.protect(2, PROT_READ, 2);
    memory.make_hole(5);
    test::must(::munmap(memory.data() + 7 * page, page) == 0, "munmap");
    const write_back_result result = s.write_back(process_memory(self), runs{memory.range()});
    BOOST_TEST(failed_at(result, {{memory.page(2), memory.page(4)},
                                  {memory.page(5), memory.page(6)},
                                  {memory.page(7), memory.page(8)},
                                  {memory.page(9), memory.page(10)}}));
    BOOST_TEST(result.written == 5 * page);
    for (const std::size_t i : {0, 1, 4, 6, 8})
        BOOST_TEST(is_pattern(memory.page(i), memory.bytes().subspan(i * page, page)));

    // A debugger may.
    const write_back_result forced = s.write_back(process_memory(self, {.force_write = true}));
    BOOST_TEST(failed_at(forced, {{memory.page(7), memory.page(8)}}, EFAULT));
    BOOST_TEST(forced.written == 3 * page);
    memory.protect(2, PROT_READ, 4);
    BOOST_TEST(is_pattern(memory.page(2), memory.bytes().subspan(2 * page, 4 * page)));
    ::mmap(memory.data() + 7 * page, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

BOOST_AUTO_TEST_CASE(a_write_only_page_is_written_though_it_cannot_be_compared) {
    const mapped memory(3, MAP_SHARED | MAP_ANONYMOUS);
    memory.write(1, 5);
    const process self = process::self();
    const process_snapshot s = captured(self, {memory.range()});
    memory.write(1, 6);
    BOOST_REQUIRE(::mprotect(memory.data(1), page, PROT_WRITE) == 0);
    const write_back_result result = s.write_back(process_memory(self));
    BOOST_REQUIRE(::mprotect(memory.data(1), page, PROT_READ | PROT_WRITE) == 0);
    BOOST_TEST(result.failed.empty());
    BOOST_TEST(memory.read(1) == 5);
}

BOOST_AUTO_TEST_CASE(a_process_that_has_ended_is_an_error) {
    const pages memory(2);
    child_process child;
    const process target(child.id());
    const process_memory live(target);
    const process_snapshot s = captured(target, {memory.range()});
    child.end();
    BOOST_CHECK_EXCEPTION(s.write_back(live), vmio::memory_error,
                          [](const vmio::memory_error& e) { return e.code().value() == ESRCH; });
}

BOOST_AUTO_TEST_CASE(a_capture_can_be_put_into_a_copy_of_its_process) {
    const pages memory(10);
    const child_process one;
    const process_snapshot s = captured(process(one.id()), {memory.range()});
    const child_process two([&] { std::ranges::fill(memory.bytes(), std::byte{3}); });
    BOOST_TEST(s.write_back(process_memory(process(two.id()))).written == memory.size());
    BOOST_TEST(is_pattern(memory.start(), peek(two.id(), memory.start(), memory.size())));
}
