// SPDX-License-Identifier: BSL-1.0
/// The last page of the address space, behind which addresses have no numbers: every walk ends there.
#include <cerrno>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/cached_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/file_offset.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/query_mapping.hpp>
#include <vmio/smaps.hpp>

#include "proc/page_runs.hpp"
#include "proc/pagemap_walk.hpp"
#include "proc/vma_lookup.hpp"

using vmio::address;
using vmio::address_range;
using vmio::page_state;
using vmio::process;

namespace {

const std::size_t page = vmio::page_size();
constexpr address top = std::numeric_limits<address>::max();
const address last_page = vmio::align_down(top, page);
const address_range ranges[] = {{last_page, top}, {last_page - page, top}, {last_page + 1, top}, {top, top}};

/// A memory that ends nowhere: each byte is the low part of its address.
struct endless_memory {
    std::size_t read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept {
        ec.clear();
        for (std::byte& b : to) b = static_cast<std::byte>(from++);
        return to.size();
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_scan_of_pages_ends_at_the_last_page) {
    const vmio::page_map pages(process::self());
    for (const address_range& r : ranges) {
        BOOST_TEST(pages.scan(r, page_state::data).empty());
        for (const vmio::page_run& run : pages.scan(r)) BOOST_TEST((run.state == page_state::absent));
    }
    BOOST_TEST(!pages.scan({0, top}, page_state::data).empty());
}

BOOST_AUTO_TEST_CASE(entries_are_read_up_to_the_last_page) {
    const process self = process::self();
    const int pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    for (address at : {last_page, last_page - page, last_page - 100000 * page}) {
        vmio::detail::page_runs runs(
            page_state::data, at, [](void*, const vmio::page_run&) { return true; }, nullptr);
        std::error_code ec;
        BOOST_TEST((vmio::detail::walk_by_entries(pagemap, self.maps(), at, last_page, runs, ec) ==
                    vmio::detail::walk_result::over));
    }
    ::close(pagemap);
}

BOOST_AUTO_TEST_CASE(nothing_is_mapped_at_the_last_address) {
    const process self = process::self();
    for (const auto lookup : {vmio::mapping_lookup::exact, vmio::mapping_lookup::next_after})
        BOOST_TEST(!vmio::query_mapping(self, top, lookup).has_value());
    vmio::detail::vma_lookup all(self.maps());
    vmio::detail::vma_info found;
    BOOST_TEST(all.at_or_above(top, found).value() == ENOENT);
    const vmio::memory_map map = vmio::memory_map::load(self);
    BOOST_TEST(map.find(top) == nullptr);
    BOOST_TEST(map.gaps({last_page, top}) == (std::vector<address_range>{{last_page, top}}),
               boost::test_tools::per_element());
    for (const address_range& r : ranges) BOOST_TEST(vmio::read_smaps(self, r).empty());
    const address addresses[] = {last_page, top};
    for (const vmio::file_location& l : vmio::file_offset(self, addresses).locations) BOOST_TEST(!l.file.has_value());
}

BOOST_AUTO_TEST_CASE(transfers_that_reach_beyond_the_last_address_are_bad_addresses) {
    for (const auto method : {vmio::transfer_method::process_vm, vmio::transfer_method::proc_mem}) {
        const vmio::process_memory memory(process::self(), {.method = method});
        std::vector<std::byte> bytes(3 * page);
        std::error_code ec;
        for (const address at : {last_page - page, last_page, top}) {
            BOOST_TEST(memory.read_some(at, bytes, ec) == 0u);
            BOOST_TEST((ec == vmio::errc::bad_address));
            BOOST_TEST(memory.write_some(at, bytes, ec) == 0u);
            BOOST_TEST((ec == vmio::errc::bad_address));
            const vmio::remote_block blocks[] = {{at, bytes}};
            BOOST_TEST(memory.read_blocks(blocks) == std::vector<std::size_t>{0}, boost::test_tools::per_element());
            BOOST_CHECK_THROW(memory.read(at, bytes), vmio::memory_error);
            BOOST_CHECK_THROW(memory.read_string(at, bytes.size()), vmio::memory_error);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_cache_ends_at_the_last_address) {
    vmio::cached_memory<endless_memory> cache({}, 4 * page);
    std::vector<std::byte> bytes(3 * page);
    std::error_code ec;
    for (const std::size_t size : {2 * page, 3 * page}) {
        const std::size_t got = cache.read_some(last_page, std::span(bytes).first(size), ec);
        BOOST_TEST(!ec);
        BOOST_TEST(got == page);
        BOOST_TEST((bytes[page - 1] == std::byte(0xff)));
    }
    BOOST_TEST(cache.size() == page);
    cache.invalidate({top - 1, top});
    BOOST_TEST(cache.size() == 0u);
}
