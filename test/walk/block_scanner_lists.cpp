// SPDX-License-Identifier: BSL-1.0
/// Long lists of blocks, and any.
#include <algorithm>
#include <cerrno>
#include <random>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/block_scanner.hpp>

#include "processes/child.hpp"
#include "support/block_results.hpp"
#include "support/pages.hpp"
#include "support/usage.hpp"

using test::is_right;
using test::is_whole;
using test::spotted_memory;
using vmio::address;
using vmio::block_result;
using vmio::memory_block;
using vmio::process;
using vmio::process_memory;
using vmio::scan_blocks;

namespace {

const std::size_t page = vmio::page_size();
using blocks = std::vector<memory_block>;

process_memory memory_of(pid_t id) {
    return process_memory(process(id));
}

/// Scans and compares every result with what `readable` says.
template <class M, class Readable>
bool scans_right(M&& memory, const blocks& wanted, std::size_t max_bytes, int error, Readable readable) {
    const auto scan = scan_blocks(memory, wanted, max_bytes);
    if (scan.size() != wanted.size()) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto asked = static_cast<std::size_t>(std::min<std::uint64_t>(wanted[i].size, max_bytes));
        std::size_t good = 0;
        while (good < asked && readable(wanted[i].start + good)) ++good;
        if (scan[i].start != wanted[i].start || scan[i].size != wanted[i].size) return false;
        if (scan[i].truncated != (wanted[i].size > max_bytes)) return false;
        if (!is_right(scan[i], good, good < asked ? error : 0)) return false;
    }
    return true;
}

}  // namespace

BOOST_AUTO_TEST_CASE(random_blocks_of_a_process_with_holes_are_right) {
    test::pages some(64);
    for (std::size_t i = 3; i < 64; i += 7) some.make_hole(i);
    test::child_process child;
    const auto readable = [&](address a) { return some.range().contains(a) && (a - some.start()) / page % 7 != 3; };
    std::mt19937 random(1);
    for (const std::size_t count : {1, 10, 1023, 1025, 5000, 50000})
        for (const std::size_t largest : {std::size_t{100}, 3 * page}) {
            blocks wanted;
            for (std::size_t i = 0; i < count; ++i) {
                const std::size_t size = random() % (count < 50000 ? largest : 100);
                wanted.push_back({some.start() + random() % (some.size() - size), size});
            }
            for (const std::size_t max_bytes : {std::size_t{60}, SIZE_MAX}) {
                const process_memory one(process(child.id()));
                const process_memory three(process(child.id()), {.threads = 3});
                BOOST_TEST(scans_right(one, wanted, max_bytes, EFAULT, readable));
                BOOST_TEST(scans_right(three, wanted, max_bytes, EFAULT, readable));
            }
        }
}

BOOST_AUTO_TEST_CASE(random_blocks_of_a_memory_with_unreadable_bytes_are_right) {
    std::mt19937 random(1);
    for (const std::size_t step : {0u, 2u, 3u, 100u, 1000u, 5000u})
        for (const std::size_t count : {1, 2, 30, 1500})
            for (const std::size_t spread : {std::size_t{64}, std::size_t{10000}, std::size_t{1} << 24}) {
                spotted_memory memory(step);
                blocks wanted;
                for (std::size_t i = 0; i < count; ++i) wanted.push_back({100 + random() % spread, random() % 200});
                const auto readable = [&](address a) { return memory.readable(a); };
                BOOST_TEST(scans_right(memory, wanted, 150, EIO, readable));
            }
}

BOOST_AUTO_TEST_CASE(a_dense_list_over_a_large_hole_costs_a_try_a_page) {
    const std::size_t pages = 200;
    blocks wanted;
    for (std::size_t i = 0; i < pages * page; i += 16) wanted.push_back({i, 32});
    std::size_t tries = 0;
    const auto fail = [&](std::span<const vmio::remote_block> all, std::span<vmio::block_transfer> results) {
        tries += all.size();
        for (auto& r : results) r = {0, {EFAULT, std::system_category()}};
    };
    const vmio::block_scan scan = vmio::detail::scan_blocks_by(wanted, 4096, fail, page);
    BOOST_TEST(std::all_of(scan.begin(), scan.end(), [](const block_result& r) { return is_right(r, 0, EFAULT); }));
    BOOST_TEST(tries == pages);
}

BOOST_AUTO_TEST_CASE(gaps_take_no_room_however_many_there_are) {
    const test::pages some(3000);
    blocks wanted;  // across every edge of pages lies one
    for (std::size_t i = 1; i < 3000 * page / 1024; ++i) wanted.push_back({some.start() + i * 1024 - 32, 64});
    const auto scan = scan_blocks(memory_of(::getpid()), wanted);
    BOOST_TEST(scan.bytes_kept() == wanted.size() * 64);
    BOOST_TEST(std::all_of(scan.begin(), scan.end(), is_whole));
}

BOOST_AUTO_TEST_CASE(threads_share_a_long_list_and_read_nothing_twice) {
    test::pages some(3000);
    for (std::size_t i = 3; i < 3000; i += 7) some.make_hole(i);
    test::child_process child;
    blocks wanted;
    for (std::size_t i = 0; i < 60000; ++i) wanted.push_back({some.start() + i * 200, i % 300});
    std::shuffle(wanted.begin(), wanted.end(), std::minstd_rand(1));
    const auto one = scan_blocks(memory_of(child.id()), wanted);
    for (const unsigned threads : {0u, 2u, 3u, 100u}) {
        const auto scan = scan_blocks(process_memory(process(child.id()), {.threads = threads}), wanted);
        BOOST_TEST(scan.bytes_kept() == one.bytes_kept());
        bool same = scan.size() == one.size();
        for (std::size_t i = 0; same && i < scan.size(); ++i)
            same = is_right(scan[i], one[i].bytes.size(), one[i].error.value());
        BOOST_TEST(same);
    }
}

BOOST_AUTO_TEST_CASE(a_million_blocks_take_56_bytes_each_and_what_was_read) {
    const test::pages some(256);
    const auto memory = memory_of(::getpid());
    const std::size_t count = 1000000;
    blocks wanted(count);
    for (std::size_t i = 0; i < count; ++i) wanted[i] = {some.start() + i * 48 % (some.size() - 4096), 1 + i % 5000};
    const std::size_t before = test::resident_bytes();
    const auto scan = scan_blocks(memory, wanted);
    [[maybe_unused]] const std::size_t grown = test::resident_bytes() - before;
    BOOST_TEST(scan.bytes_kept() <= some.size());
    BOOST_TEST(sizeof(block_result) == 56u);
#ifndef __SANITIZE_THREAD__  // which keeps a shadow of everything
    const std::size_t budget = 56 * count + some.size();
    BOOST_TEST(grown <= budget + test::shadow_of(budget) + (std::size_t{8} << 20));
#endif
    BOOST_TEST(std::all_of(scan.begin(), scan.end(), [](const block_result& r) {
        return !r.error && r.bytes.size() == std::min<std::size_t>(r.size, 4096) &&
               r.bytes[0] == test::pattern(r.start);
    }));
}
