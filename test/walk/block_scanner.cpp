// SPDX-License-Identifier: BSL-1.0
#include <vmio/block_scanner.hpp>

#include <algorithm>
#include <cerrno>
#include <random>
#include <ranges>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/cached_memory.hpp>

#include "processes/child.hpp"
#include "support/block_results.hpp"
#include "support/fake_memory.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"

using test::fake_memory;
using test::is_right;
using test::is_whole;
using test::spotted_memory;
using vmio::address;
using vmio::block_result;
using vmio::memory_block;
using vmio::process;
using vmio::process_memory;
using vmio::scan_blocks;
using vmio::transfer_method;

namespace {

const std::size_t page = vmio::page_size();
constexpr address top = ~address{0};
using blocks = std::vector<memory_block>;

/// One result, and that is whole.
bool is_only_whole(const vmio::block_scan& scan) {
    return scan.size() == 1 && is_whole(scan[0]);
}

process_memory memory_of(pid_t id) {
    return process_memory(process(id));
}

}  // namespace

static_assert(std::ranges::contiguous_range<vmio::block_scan>);

BOOST_AUTO_TEST_CASE(every_block_is_answered_in_the_order_of_the_caller) {
    const test::pages some(8);
    test::on_self_and_child([&](pid_t id) {
        const blocks wanted{{some.page(7) + 9, 100}, {some.page(0), 1}, {some.page(3) - 8, 16},  // across an edge
                            {some.page(1), page},    {some.page(0), 1}, {some.page(0) + 5, 3 * page},
                            {some.page(7), page}};
        const auto scan = scan_blocks(memory_of(id), wanted, 3 * page);
        BOOST_REQUIRE(scan.size() == wanted.size());
        std::size_t i = 0;
        for (const block_result& r : scan) {
            BOOST_TEST(r.start == wanted[i].start);
            BOOST_TEST(r.size == wanted[i].size);
            BOOST_TEST(is_whole(r));
            BOOST_TEST(&r == &scan[i]);
            BOOST_TEST((r.view().range() == vmio::address_range::of_size(r.start, r.size)));
            ++i;
        }
        BOOST_TEST(i == wanted.size());
    });
}

BOOST_AUTO_TEST_CASE(real_vectors_are_found_where_they_are) {
    const std::vector<unsigned char> one(64, 0x11);
    const std::vector<unsigned char> two(128, 0x22);
    test::on_self_and_child([&](pid_t id) {
        const auto scan = scan_blocks(memory_of(id), blocks{{test::address_of(one.data()), one.size()},
                                                            {test::address_of(two.data()), two.size()}});
        BOOST_TEST(scan[0].bytes.size() == 64u);
        BOOST_TEST(test::all_equal(scan[0].bytes, std::byte{0x11}));
        BOOST_TEST(scan[1].bytes.size() == 128u);
        BOOST_TEST(test::all_equal(scan[1].bytes, std::byte{0x22}));
        BOOST_TEST(scan[1].view().at<std::uint64_t>(120) == 0x2222222222222222u);
    });
}

BOOST_AUTO_TEST_CASE(an_empty_list_gives_no_results) {
    const auto scan = scan_blocks(memory_of(::getpid()), {});
    BOOST_TEST(scan.empty());
    BOOST_TEST(scan.size() == 0u);
    BOOST_TEST((scan.begin() == scan.end()));
    BOOST_TEST(vmio::block_scan().empty());
}

BOOST_AUTO_TEST_CASE(an_empty_block_is_one_result_and_not_read) {
    spotted_memory memory;
    const auto scan = scan_blocks(memory, blocks{{0, 0}, {0x1000, 0}, {top, 0}});
    BOOST_TEST(scan.size() == 3u);
    for (const block_result& r : scan) BOOST_TEST(is_whole(r));
    BOOST_TEST(memory.calls == 0u);
    BOOST_TEST(is_only_whole(scan_blocks(memory_of(::getpid()), blocks{{0, 0}})));
}

BOOST_AUTO_TEST_CASE(an_impossible_address_costs_its_own_block_only) {
    const test::pages some(2);
    test::on_self_and_child([&](pid_t id) {
        const blocks wanted{{0, 8}, {some.start(), 8}, {0, 1},   {top, 1},       {top - 3, 8},     {some.page(1), 8},
                            {1, 1}, {top, top},        {4, top}, {top / 2, 100}, {some.start(), 8}};
        const auto scan = scan_blocks(memory_of(id), wanted);
        for (const std::size_t i : {1u, 5u, 10u}) BOOST_TEST(is_whole(scan[i]));
        for (const std::size_t i : {0u, 2u, 3u, 4u, 6u, 7u, 8u, 9u}) BOOST_TEST(is_right(scan[i], 0, EFAULT));
    });
}

BOOST_AUTO_TEST_CASE(a_block_that_wraps_around_the_top_ends_there) {
    spotted_memory memory;
    const auto scan = scan_blocks(memory, blocks{{top - 4, 8}, {top - 4, 4}, {top, 1}, {0, 8}});
    BOOST_TEST(is_right(scan[0], 4, EFAULT));
    BOOST_TEST(is_whole(scan[1]));
    BOOST_TEST(is_right(scan[2], 0, EFAULT));
    BOOST_TEST(is_whole(scan[3]));
}

BOOST_AUTO_TEST_CASE(addresses_above_a_tebibyte_are_as_good_as_others) {
    const std::size_t size = 3 * page;
    for (const address hint : {address{1} << 30, address{1} << 41, address{1} << 46}) {
        void* const at = ::mmap(reinterpret_cast<void*>(hint), size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (at == MAP_FAILED) continue;
        for (std::size_t i = 0; i < size; ++i) static_cast<std::byte*>(at)[i] = test::pattern(hint + i);
        test::on_self_and_child([&](pid_t id) {
            BOOST_TEST(is_only_whole(scan_blocks(memory_of(id), blocks{{hint + page - 100, 200}})));
        });
        ::munmap(at, size);
    }
}

BOOST_AUTO_TEST_CASE(a_truncated_block_says_so) {
    const test::pages some(4);
    const auto memory = memory_of(::getpid());
    const blocks wanted{{some.start(), 4097}, {some.start() + 7, 4096}, {some.start(), 1}, {some.start(), top}};
    const auto scan = scan_blocks(memory, wanted);  // 4096
    BOOST_TEST(scan[0].truncated);
    BOOST_TEST(is_right(scan[0], 4096, 0));
    BOOST_TEST(is_whole(scan[1]));
    BOOST_TEST(is_whole(scan[2]));
    BOOST_TEST(scan[3].truncated);
    BOOST_TEST(scan[3].size == top);
    BOOST_TEST(is_right(scan[3], 4096, 0));
    BOOST_TEST(scan.bytes_kept() == 7u + 4096);

    for (const block_result& r : scan_blocks(memory, wanted, 0)) {
        BOOST_TEST(r.truncated);
        BOOST_TEST(is_right(r, 0, 0));
    }
    BOOST_TEST(is_only_whole(scan_blocks(memory, blocks{{some.start(), some.size()}}, SIZE_MAX)));
}

BOOST_AUTO_TEST_CASE(sizes_that_are_nonsense_without_a_cap_are_an_exception) {
    const auto memory = memory_of(::getpid());
    for (const address start : {address{0}, address{16}, address{4096}, top / 2})
        for (const std::size_t max_bytes : {SIZE_MAX, SIZE_MAX - 100, SIZE_MAX / 4})
            BOOST_CHECK_THROW(scan_blocks(memory, blocks{{start, top}, {start + 1, 1}}, max_bytes), std::bad_alloc);
}

BOOST_AUTO_TEST_CASE(bytes_before_a_hole_are_returned_with_the_error) {
    test::pages some(8);
    some.make_hole(2);
    some.make_hole(5);
    test::on_self_and_child([&](pid_t id) {
        for (const transfer_method method : {transfer_method::process_vm, transfer_method::automatic}) {
            const process_memory memory(process(id), {.method = method});
            const blocks wanted{{some.page(1), 7 * page},        // into the hole
                                {some.page(2) - 8, 16},          // the same
                                {some.page(2) + 8, 8},           // in it
                                {some.page(2) + 8, 3 * page},    // from it
                                {some.page(3), 8},               // behind it, and inside the first
                                {some.page(3) - 1, 2},           // from its last byte
                                {some.page(4) + 100, 2 * page},  // into the next
                                {some.page(6), 2 * page},        // behind both
                                {some.page(0) + 100, page - 100}};
            const auto scan = scan_blocks(memory, wanted, SIZE_MAX);
            BOOST_TEST(is_right(scan[0], page, EFAULT));
            BOOST_TEST(is_right(scan[1], 8, EFAULT));
            BOOST_TEST(is_right(scan[2], 0, EFAULT));
            BOOST_TEST(is_right(scan[3], 0, EFAULT));
            BOOST_TEST(is_whole(scan[4]));
            BOOST_TEST(is_right(scan[5], 0, EFAULT));
            BOOST_TEST(is_right(scan[6], page - 100, EFAULT));
            BOOST_TEST(is_whole(scan[7]));
            BOOST_TEST(is_whole(scan[8]));
        }
    });
}

BOOST_AUTO_TEST_CASE(duplicates_and_overlaps_are_read_once_and_share_their_bytes) {
    spotted_memory memory;
    const address a = 16 * page;
    const auto scan = scan_blocks(memory, blocks{{a, 64}, {a, 64}, {a + 32, 64}, {a + 96, 8}, {a, 8}, {a, 64}});
    for (const block_result& r : scan) BOOST_TEST(is_whole(r));
    BOOST_TEST(memory.calls == 1u);
    BOOST_TEST(memory.moved == 104u);
    BOOST_TEST(scan.bytes_kept() == 104u);
    const std::byte* const first = scan[0].bytes.data();
    for (const std::size_t i : {1u, 4u, 5u}) BOOST_TEST(scan[i].bytes.data() == first);
    BOOST_TEST(scan[2].bytes.data() == first + 32);
    BOOST_TEST(scan[3].bytes.data() == first + 96);
}

BOOST_AUTO_TEST_CASE(blocks_that_share_a_page_are_one_read_and_gaps_are_not_kept) {
    spotted_memory memory;
    const address a = 16 * page;
    blocks wanted;
    for (std::size_t i = 0; i < 16; ++i) wanted.push_back({a + i * (page / 16) + 20, 64});
    std::shuffle(wanted.begin(), wanted.end(), std::minstd_rand(1));
    const auto scan = scan_blocks(memory, wanted);
    for (const block_result& r : scan) BOOST_TEST(is_whole(r));
    BOOST_TEST(memory.calls == 1u);
    BOOST_TEST(scan.bytes_kept() == 16u * 64);
    // Neighbours on two pages are two reads, unless they touch.
    BOOST_TEST(scan_blocks(memory, blocks{{a - 8, 7}, {a, 8}}).bytes_kept() == 15u);
    BOOST_TEST(memory.calls == 3u);
    scan_blocks(memory, blocks{{a - 8, 8}, {a, 8}});
    BOOST_TEST(memory.calls == 4u);
}

BOOST_AUTO_TEST_CASE(no_page_is_touched_that_no_block_lies_on) {
    const std::size_t count = 64;
    const test::mapped fresh(count);
    const address start = fresh.start();
    test::child_process child;
    blocks wanted;
    for (std::size_t i = 0; i < count; i += 4)
        for (const std::size_t offset : {std::size_t{0}, page / 2, page - 8})
            wanted.push_back({start + i * page + offset, 8});
    wanted.push_back({start + page - 1, 2});  // and page 1
    for (const block_result& r : scan_blocks(memory_of(child.id()), wanted)) BOOST_TEST(test::all_equal(r.bytes, {}));

    const int pagemap = ::open(("/proc/" + std::to_string(child.id()) + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC);
    std::vector<std::uint64_t> entries(count);
    BOOST_TEST(::pread(pagemap, entries.data(), count * 8, static_cast<off_t>(start / page * 8)) ==
               static_cast<ssize_t>(count * 8));
    ::close(pagemap);
    for (std::size_t i = 0; i < count; ++i) BOOST_TEST((entries[i] >> 63 != 0) == (i % 4 == 0 || i == 1));
}

BOOST_AUTO_TEST_CASE(proc_mem_reads_the_same) {
    test::pages some(16);
    some.make_hole(4);
    test::child_process child;
    const process_memory memory(process(child.id()), {.method = transfer_method::proc_mem});
    blocks wanted;
    for (std::size_t i = 0; i < 2000; ++i) wanted.push_back({some.start() + i * 7919 % (15 * page), 50});
    wanted.push_back({0, 8});
    const auto scan = scan_blocks(memory, wanted);
    for (std::size_t i = 0; i < 2000; ++i) BOOST_TEST(is_whole(scan[i]));  // it ignores protections
    BOOST_TEST((scan[2000].error == vmio::errc::bad_address));
}

BOOST_AUTO_TEST_CASE(a_process_that_has_ended_gives_its_error_for_every_block) {
    const test::pages some(4);
    test::child_process child;
    const auto memory = memory_of(child.id());
    child.end();
    const auto scan = scan_blocks(memory, blocks{{some.start(), 8}, {some.page(2), 8}, {some.start(), 0}, {top, 2}});
    BOOST_TEST(is_right(scan[0], 0, ESRCH));
    BOOST_TEST(is_right(scan[1], 0, ESRCH));
    BOOST_TEST(is_whole(scan[2]));
    BOOST_TEST(is_right(scan[3], 0, EFAULT));
    BOOST_TEST(scan.bytes_kept() == 0u);
}

BOOST_AUTO_TEST_CASE(memory_mapped_after_the_object_was_made_is_read) {
    const auto memory = memory_of(::getpid());
    const test::pages some(1);
    BOOST_TEST(is_only_whole(scan_blocks(memory, blocks{{some.start(), page}})));
    BOOST_CHECK_THROW(memory_of(0), vmio::memory_error);  // 0 is not "myself"
}

BOOST_AUTO_TEST_CASE(a_filter_is_a_predicate) {
    const test::pages some(2);
    enum class kind { vector, string };
    struct allocation : memory_block {
        kind what;
    };
    const std::vector<allocation> allocations{
        {{some.start(), 8}, kind::vector}, {{some.start(), 16}, kind::string}, {{some.page(1), 24}, kind::vector}};
    const auto is_vector = [](const allocation& a) { return a.what == kind::vector; };
    const auto scan = scan_blocks(memory_of(::getpid()), allocations, is_vector, 20);
    BOOST_REQUIRE(scan.size() == 2u);
    BOOST_TEST(is_whole(scan[0]));
    BOOST_TEST(scan[0].size == 8u);
    BOOST_TEST(scan[1].start == some.page(1));
    BOOST_TEST(is_right(scan[1], 20, 0));
    BOOST_TEST(scan[1].truncated);
}

BOOST_AUTO_TEST_CASE(any_memory_can_be_scanned) {
    const test::pages some(4);
    vmio::cached_memory cached(memory_of(::getpid()));
    const blocks wanted{{some.page(1) - 4, 8}, {some.start(), 8}, {0, 8}};
    const auto scan = scan_blocks(cached, wanted);
    BOOST_TEST(is_whole(scan[0]));
    BOOST_TEST(is_whole(scan[1]));
    BOOST_TEST(is_right(scan[2], 0, EFAULT));

    fake_memory fake(0x1000, 100);
    fake->most_at_once = 7;
    const auto few = scan_blocks(fake, blocks{{0x1000, 100}, {0x1000 + 90, 20}, {0xfff, 8}});
    BOOST_TEST(few[0].bytes.size() == 100u);
    BOOST_TEST(few[1].bytes.size() == 10u);
    BOOST_TEST(few[1].error.value() == EFAULT);
    BOOST_TEST(few[2].bytes.empty());

    process_memory mutable_memory = memory_of(::getpid());
    const auto direct = scan_blocks(mutable_memory, wanted);
    BOOST_TEST(is_whole(direct[0]));
}

BOOST_AUTO_TEST_CASE(a_memory_that_gives_neither_bytes_nor_an_error_is_given_up) {
    struct silent_memory {
        std::size_t read_some(address, std::span<std::byte>, std::error_code& ec) const noexcept {
            ec.clear();
            return 0;
        }
    };
    const auto silent = scan_blocks(silent_memory(), blocks{{1, 8}});
    BOOST_TEST(is_right(silent[0], 0, EFAULT));
}

BOOST_AUTO_TEST_CASE(copies_share_the_bytes_and_outlive_the_first) {
    const test::pages some(1);
    auto scan = scan_blocks(memory_of(::getpid()), blocks{{some.start(), 64}});
    const std::byte* const bytes = scan[0].bytes.data();
    const vmio::block_scan copy = scan;
    scan = {};
    BOOST_TEST(scan.empty());
    BOOST_TEST(copy[0].bytes.data() == bytes);
    BOOST_TEST(is_whole(copy[0]));
}
