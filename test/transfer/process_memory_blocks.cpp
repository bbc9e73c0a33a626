// SPDX-License-Identifier: BSL-1.0
#include <cerrno>
#include <random>
#include <stdexcept>
#include <vector>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/process_memory.hpp>

#include "processes/child.hpp"
#include "support/pages.hpp"

using vmio::address;
using vmio::block_transfer;
using vmio::process;
using vmio::process_memory;
using vmio::remote_block;

namespace {

const std::size_t page = vmio::page_size();
constexpr std::byte untouched{0xee};
using counts = std::vector<std::size_t>;

/// Blocks with a buffer of their own each, side by side, as long as the object lives.
struct block_list {
    void add(address start, std::size_t size) { wanted.push_back({start, size}); }
    const std::vector<remote_block>& get() {
        std::size_t total = 0;
        for (const auto& w : wanted) total += w.second;
        bytes.assign(total, untouched);
        blocks.clear();
        std::size_t at = 0;
        for (const auto& [start, size] : wanted) {
            blocks.push_back({start, std::span(bytes).subspan(at, size)});
            at += size;
        }
        return blocks;
    }

    std::vector<std::pair<address, std::size_t>> wanted;
    std::vector<std::byte> bytes;
    std::vector<remote_block> blocks;
};

void right(const std::vector<remote_block>& blocks, const counts& moved) {
    BOOST_REQUIRE(moved.size() == blocks.size());
    bool all = true;
    for (std::size_t i = 0; i < blocks.size(); ++i)
        all = all && test::is_pattern(blocks[i].start, blocks[i].bytes.first(moved[i])) &&
              test::all_equal(blocks[i].bytes.subspan(moved[i]), untouched);
    BOOST_TEST(all);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_bad_block_never_costs_its_neighbours) {
    test::pages some(8);
    some.make_hole(2);
    some.make_hole(5);
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{process(id)};
        block_list list;
        list.add(some.page(0), 16);
        list.add(some.page(2), 16);              // bad
        list.add(some.page(1), page);            // good up to its end
        list.add(some.page(1) + 100, 2 * page);  // runs into a hole
        list.add(some.page(3), 0);               // empty
        list.add(0, 8);                          // bad
        list.add(0, 0);                          // empty and nowhere
        list.add(some.page(3), 2 * page + 7);    // runs into the next hole
        list.add(some.page(0), 16);              // again
        list.add(some.page(0) + 8, 16);          // overlapping
        list.add(~address{0} - 3, 8);            // beyond the top
        list.add(some.page(6) + 1, 2 * page - 1);
        const auto& blocks = list.get();
        const counts moved = memory.read_blocks(blocks);
        BOOST_TEST(moved == (counts{16, 0, page, page - 100, 0, 0, 0, 2 * page, 16, 16, 0, 2 * page - 1}),
                   boost::test_tools::per_element());
        right(blocks, moved);

        std::vector<block_transfer> results(blocks.size());
        memory.read_blocks(blocks, results);
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            BOOST_TEST(results[i].moved == moved[i]);
            BOOST_TEST(results[i].error.value() == (moved[i] < blocks[i].bytes.size() ? EFAULT : 0));
        }
    });
}

BOOST_AUTO_TEST_CASE(blocks_in_any_number_are_moved_with_bad_ones_anywhere) {
    test::pages some(64);
    for (std::size_t i = 3; i < 64; i += 7) some.make_hole(i);
    test::child_process child;
    const process_memory memory{process(child.id())};
    std::mt19937 random(1);
    for (const std::size_t count : {1, 1023, 1024, 1025, 2049, 100000}) {
        block_list list;
        counts expected;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t offset = random() % (64 * page - 300);
            const std::size_t size = random() % 300;
            list.add(some.start() + offset, size);
            std::size_t good = 0;
            while (good < size && (offset + good) / page % 7 != 3) ++good;
            expected.push_back(good);
        }
        const auto& blocks = list.get();
        const counts moved = memory.read_blocks(blocks);
        BOOST_TEST((moved == expected));
        right(blocks, moved);
    }
}

BOOST_AUTO_TEST_CASE(blocks_that_are_all_bad_are_all_reported) {
    const process_memory memory(process::self());
    block_list list;
    for (std::size_t i = 0; i < 5000; ++i) list.add(i, 4);
    BOOST_TEST((memory.read_blocks(list.get()) == counts(5000, 0)));
    BOOST_TEST(memory.read_blocks({}).empty());
}

BOOST_AUTO_TEST_CASE(blocks_are_written_where_they_belong) {
    test::pages some(6);
    some.protect(3, PROT_READ);
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{process(id)};
        std::vector<std::byte> expected = test::peek(id, some.start(), some.size());
        std::vector<std::byte> fresh(2 * page, std::byte{0x11});
        const std::vector<remote_block> blocks{
            {some.page(0) + 5, std::span(fresh).first(10)},
            {some.page(3), std::span(fresh).first(10)},
            {some.page(2) + 7, fresh},
            {some.page(5), std::span(fresh).first(page)},
        };
        BOOST_TEST(memory.write_blocks(blocks) == (counts{10, 0, page - 7, page}), boost::test_tools::per_element());
        std::fill_n(expected.begin() + 5, 10, std::byte{0x11});
        std::fill(expected.begin() + static_cast<std::ptrdiff_t>(2 * page + 7),
                  expected.begin() + static_cast<std::ptrdiff_t>(3 * page), std::byte{0x11});
        std::fill(expected.begin() + static_cast<std::ptrdiff_t>(5 * page), expected.end(), std::byte{0x11});
        BOOST_TEST((test::peek(id, some.start(), some.size()) == expected));
    });
}

BOOST_AUTO_TEST_CASE(a_bad_buffer_of_ours_costs_its_block_only) {
    const test::pages some(2);
    test::pages ours(3);
    ours.make_hole(1);
    const process_memory memory(process::self());
    const std::vector<remote_block> blocks{{some.start(), ours.bytes().first(8)},
                                           {some.start(), ours.bytes().subspan(page, 8)},
                                           {some.start(), ours.bytes().subspan(2 * page, 8)}};
    BOOST_TEST(memory.read_blocks(blocks) == (counts{8, 0, 8}), boost::test_tools::per_element());
    BOOST_TEST(test::is_pattern(some.start(), ours.bytes().subspan(2 * page, 8)));
}

BOOST_AUTO_TEST_CASE(too_few_results_are_refused) {
    const process_memory memory(process::self());
    std::byte byte;
    const std::vector<remote_block> blocks{{test::address_of(&byte), {&byte, 1}}};
    BOOST_CHECK_THROW(memory.read_blocks(blocks, {}), std::invalid_argument);
    BOOST_CHECK_THROW(memory.write_blocks(blocks, {}), std::invalid_argument);
}
