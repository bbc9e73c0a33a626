// SPDX-License-Identifier: BSL-1.0
// Walks that end at the last page of the address space, where the next page has no address.
#include <cerrno>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/block_scanner.hpp>
#include <vmio/memory_search.hpp>
#include <vmio/read_past_gaps.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/search.hpp>

#include "support/regions.hpp"

using vmio::address;
using vmio::address_range;
using vmio::process;
using vmio::process_memory;

namespace {

const std::size_t page = vmio::page_size();
constexpr address top = std::numeric_limits<address>::max();
const address_range last_pages(top - 2 * page + 1, top);

/// Memory of which every byte above `end` cannot be read; the others are 'x'.
struct ending_memory {
    address end;
    std::size_t calls = 0;

    std::size_t operator()(address from, std::span<std::byte> to, std::error_code& ec) {
        BOOST_REQUIRE(++calls < 100);  // or it would never end
        ec.clear();
        std::size_t n = 0;
        for (; n < to.size() && from + n < end; ++n) to[n] = std::byte{'x'};
        if (n == 0 && !to.empty()) ec.assign(EFAULT, std::system_category());
        return n;
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_search_by_reading_ends_at_the_last_page) {
    for (const address end :
         {last_pages.start(), last_pages.start() + 1, last_pages.start() + page, last_pages.start() + page + 7, top}) {
        std::uint64_t matches = 0;
        const auto found = [&](address at) { return ++matches, at < end; };
        const auto summary =
            vmio::search_by_reading(ending_memory{end}, {&last_pages, 1}, vmio::byte_pattern::text("x"), found);
        BOOST_TEST(summary.searched == last_pages.size());
        BOOST_TEST(summary.unreadable == top - end);
        BOOST_TEST((matches == end - last_pages.start() && summary.matches == matches));
    }
}

BOOST_AUTO_TEST_CASE(a_read_past_gaps_ends_at_the_last_page) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(last_pages.size()));
    for (const auto method : {vmio::transfer_method::process_vm, vmio::transfer_method::proc_mem}) {
        const process_memory memory(process::self(), {.method = method});
        const auto gaps = vmio::read_past_gaps(memory, last_pages.start(), bytes);
        BOOST_REQUIRE(gaps.size() == 1U);
        BOOST_TEST((gaps[0].range == last_pages && gaps[0].reason == vmio::gap_reason::unmapped));
    }
}

BOOST_AUTO_TEST_CASE(a_walk_of_regions_ends_at_the_last_page) {
    vmio::region_reader reader(process::self(), test::in(last_pages, page));
    BOOST_TEST(!reader.next());
    BOOST_TEST(!vmio::for_each_slice(process_memory(process::self()), last_pages, [](address, auto) {}));
    vmio::search_options options;
    options.regions.within = last_pages;
    for (const unsigned threads : {1U, 2U}) {
        options.threads = threads;
        const auto all = vmio::search(process_memory(process::self()), vmio::byte_pattern::text("x"), options);
        BOOST_TEST(all.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_scan_of_blocks_ends_at_the_last_page) {
    const std::vector<vmio::memory_block> blocks{
        {last_pages.start(), last_pages.size()}, {top - 8, 8}, {top, 1}, {top - 8, 100}};
    const auto scan = vmio::scan_blocks(process_memory(process::self()), blocks, 2 * page);
    for (const auto& r : scan) BOOST_TEST((r.bytes.empty() && r.error));
}
