// SPDX-License-Identifier: BSL-1.0
#include <vmio/snapshot_diff.hpp>

#include <algorithm>
#include <cerrno>
#include <random>
#include <vector>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/page_map.hpp>

#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"

using test::mapped;
using test::pages;
using vmio::address_range;
using vmio::diff;
using vmio::process;
using vmio::process_memory;
using vmio::process_snapshot;

namespace {

const std::size_t page = vmio::page_size();
using runs = std::vector<address_range>;

process_snapshot captured(const process& target, std::vector<address_range> ranges) {
    vmio::capture_options options;
    options.ranges = std::move(ranges);
    return process_snapshot::capture(target, options);
}

/// Writes to a process by the way of a debugger.
void poke(const process_memory& memory, vmio::address where, std::vector<std::byte> bytes) {
    memory.write(where, bytes);
}

}  // namespace

BOOST_AUTO_TEST_CASE(changes_are_found_to_the_byte_between_captures_and_in_the_living_process) {
    const pages memory(100);
    const mapped zeros(100);
    const test::child_process child;
    const process target(child.id());
    const process_memory live(target);
    const runs all{memory.range(), zeros.range()};
    const process_snapshot before = captured(target, all);
    BOOST_TEST(diff(before, before).empty());
    BOOST_TEST(diff(before, live).empty());

    const auto other = [&](vmio::address a) { return test::pattern(a) ^ std::byte{1}; };
    runs expected;
    for (const vmio::address a :
         {memory.start(), memory.page(1) - 1, memory.page(1), memory.page(50) + 7, memory.page(100) - 1}) {
        poke(live, a, {other(a)});
        if (!expected.empty() && expected.back().end() == a)
            expected.back() = {expected.back().start(), a + 1};
        else
            expected.emplace_back(a, a + 1);
    }
    poke(live, zeros.page(10) + 3, {std::byte{1}, std::byte{0}, std::byte{2}});
    poke(live, zeros.page(20), {std::byte{0}});  // there now, and still zero
    expected.emplace_back(zeros.page(10) + 3, zeros.page(10) + 4);
    expected.emplace_back(zeros.page(10) + 5, zeros.page(10) + 6);
    std::sort(expected.begin(), expected.end(),
              [](const address_range& a, const address_range& b) { return a.start() < b.start(); });

    const process_snapshot after = captured(target, all);
    BOOST_TEST((diff(before, after) == expected));
    BOOST_TEST((diff(after, before) == expected));
    BOOST_TEST((diff(before, live) == expected));
    BOOST_TEST(diff(after, live).empty());
    // By the way that serves any memory.
    const vmio::detail::read_function read = [&](vmio::address a, std::span<std::byte> to, std::error_code& ec) {
        return live.read_some(a, to, ec);
    };
    BOOST_TEST((vmio::diff_by_reading(before, read) == expected));
    BOOST_TEST(diff(before, live, 1).size() == expected.size() - 1);
}

BOOST_AUTO_TEST_CASE(random_changes_are_all_found) {
    std::mt19937 random(11);
    const pages memory(300);
    const test::child_process child;
    const process target(child.id());
    const process_memory live(target);
    const process_snapshot before = captured(target, {memory.range()});
    std::vector<std::byte> now(memory.bytes().begin(), memory.bytes().end());
    for (int i = 0; i < 500; ++i) {
        const std::size_t at = random() % (memory.size() - 200);
        const std::size_t n = 1 + random() % 200;
        for (std::size_t k = 0; k < n; ++k) now[at + k] = static_cast<std::byte>(random());
        live.write(memory.start() + at, std::span(now).subspan(at, n));
    }
    runs expected;
    for (std::size_t i = 0; i < now.size(); ++i) {
        if (now[i] == memory.bytes()[i]) continue;
        const vmio::address a = memory.start() + i;
        if (!expected.empty() && expected.back().end() == a)
            expected.back() = {expected.back().start(), a + 1};
        else
            expected.emplace_back(a, a + 1);
    }
    BOOST_TEST((diff(before, captured(target, {memory.range()})) == expected));
    BOOST_TEST((diff(before, live) == expected));
}

BOOST_AUTO_TEST_CASE(common_ranges_are_compared_and_the_others_can_be_queried) {
    const pages memory(10);
    const test::child_process child;
    const process target(child.id());
    const process_snapshot low = captured(target, {{memory.page(0), memory.page(6)}});
    const process_snapshot high = captured(target, {{memory.page(4), memory.page(10)}});
    BOOST_TEST(diff(low, high).empty());
    BOOST_TEST((vmio::captured_only_in(low, high) == runs{{memory.page(0), memory.page(4)}}));
    BOOST_TEST((vmio::captured_only_in(high, low) == runs{{memory.page(6), memory.page(10)}}));
}

BOOST_AUTO_TEST_CASE(memory_that_has_become_unreadable_is_skipped) {
    pages memory(10);
    const process self = process::self();
    const process_snapshot before = captured(self, {memory.range()});
    memory.data()[9 * page] ^= std::byte{1};
    memory.make_hole(3);
    test::must(::munmap(memory.data() + 5 * page, page) == 0, "munmap");
    const runs expected{{memory.page(9), memory.page(9) + 1}};
    BOOST_TEST((diff(before, process_memory(self)) == expected));
    BOOST_TEST((diff(before, captured(self, {memory.range()})) == expected));
    const vmio::detail::read_function read = [&](vmio::address a, std::span<std::byte> to, std::error_code& ec) {
        return process_memory(self).read_some(a, to, ec);
    };
    BOOST_TEST((vmio::diff_by_reading(before, read) == expected));
    ::mmap(memory.data() + 5 * page, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

BOOST_AUTO_TEST_CASE(runs_are_not_joined_across_what_cannot_be_compared) {
    pages memory(10);
    memory.make_hole(7);
    const process self = process::self();
    const process_snapshot before = captured(self, {memory.range()});
    memory.make_hole(3);
    runs expected;
    for (const std::size_t i : {2, 4, 6, 8}) {
        memory.data()[i * page + 5] ^= std::byte{1};
        expected.emplace_back(memory.page(i) + 5, memory.page(i) + 6);
    }
    expected[1] = {expected[1].start(), expected[2].end()};
    expected.erase(expected.begin() + 2);
    const process_memory live(self);
    BOOST_TEST((diff(before, live, 4 * page) == expected));
    BOOST_TEST((diff(before, captured(self, {memory.range()}), 4 * page) == expected));
    const vmio::detail::read_function read = [&](vmio::address a, std::span<std::byte> to, std::error_code& ec) {
        return live.read_some(a, to, ec);
    };
    BOOST_TEST((vmio::diff_by_reading(before, read, 4 * page) == expected));
}

BOOST_AUTO_TEST_CASE(a_process_that_has_ended_is_an_error_and_no_difference) {
    const pages memory(2);
    test::child_process child;
    const process target(child.id());
    const process_memory live(target);
    const process_snapshot before = captured(target, {memory.range()});
    child.end();
    const auto is_gone = [](const vmio::memory_error& e) { return e.code().value() == ESRCH; };
    BOOST_CHECK_EXCEPTION(diff(before, live), vmio::memory_error, is_gone);
    const vmio::detail::read_function read = [&](vmio::address a, std::span<std::byte> to, std::error_code& ec) {
        return live.read_some(a, to, ec);
    };
    BOOST_CHECK_EXCEPTION(vmio::diff_by_reading(before, read), vmio::memory_error, is_gone);
}

BOOST_AUTO_TEST_CASE(a_comparison_does_not_make_the_target_grow) {
    const mapped memory(std::size_t{1} << 16);
    memory.write(1000);
    const test::child_process child;
    const process target(child.id());
    const process_snapshot before = captured(target, {memory.range()});
    process_memory live(target);
    BOOST_TEST(diff(before, live).empty());
    BOOST_TEST(diff(before, process_memory(target)).empty());
    const auto present = vmio::scan_pages(target, memory.range(), vmio::page_state::present);
    BOOST_REQUIRE(present.size() == 1u);
    BOOST_TEST((present[0].range == address_range::of_size(memory.range().start() + 1000 * page, page)));
}
