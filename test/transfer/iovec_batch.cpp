// SPDX-License-Identifier: BSL-1.0
#include "transfer/iovec_batch.hpp"

#include <cstdint>
#include <vector>

#include <boost/test/unit_test.hpp>

using vmio::address;
using vmio::detail::iovec_batch;
using sizes = std::vector<std::size_t>;

namespace {

constexpr address top = ~address{0};
constexpr std::size_t page = 4096;

/// The sizes of the pieces, having checked that they follow each other from `start` on and none crosses a boundary.
sizes split(address start, std::size_t size, std::size_t run = page) {
    iovec_batch batch(run);
    const std::size_t taken = batch.add(start, size);
    BOOST_TEST(taken == batch.bytes());
    sizes result;
    address at = start;
    for (std::size_t i = 0; i < batch.count(); ++i) {
        const auto base = static_cast<address>(reinterpret_cast<std::uintptr_t>(batch[i].iov_base));
        const std::size_t length = batch[i].iov_len;
        BOOST_TEST(base == at);
        BOOST_TEST(length > 0u);
        BOOST_TEST((base & ~(run - 1)) == ((base + length - 1) & ~(run - 1)));
        at += length;
        result.push_back(length);
    }
    BOOST_TEST(at - start == taken);
    return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(nothing_makes_no_piece) {
    for (const address at : {address{0}, address{5}, address{page}, top - 16, top}) BOOST_TEST(split(at, 0) == sizes{});
}

BOOST_AUTO_TEST_CASE(a_part_of_a_page_is_one_piece) {
    BOOST_TEST(split(0, 16) == sizes{16});
    BOOST_TEST(split(page + 100, 16) == sizes{16});
    BOOST_TEST(split(2 * page - 16, 16) == sizes{16});
    BOOST_TEST(split(0, 1) == sizes{1});
}

BOOST_AUTO_TEST_CASE(what_lies_beyond_the_top_is_not_taken) {
    const address at = top - 15;  // sixteen bytes below 2^64
    BOOST_TEST(split(at, 13) == sizes{13});
    BOOST_TEST(split(at, 16) == sizes{16});
    BOOST_TEST(split(at, 17) == sizes{16});
    BOOST_TEST(split(at, SIZE_MAX) == sizes{16});
    BOOST_TEST(split(top, 2) == sizes{1});
}

BOOST_AUTO_TEST_CASE(exactly_one_page_is_one_piece) {
    BOOST_TEST(split(0, page) == sizes{page});
    BOOST_TEST(split(10 * page, page) == sizes{page});
    BOOST_TEST(split(top - (page - 1), page) == sizes{page});
}

BOOST_AUTO_TEST_CASE(a_boundary_is_never_crossed) {
    for (const address boundary : {address{page}, address{0x7f0000000000}, top - (page - 1)})
        BOOST_TEST(split(boundary - 8, 8 + 24) == (sizes{8, 24}));
}

BOOST_AUTO_TEST_CASE(whole_pages_stand_between_two_parts) {
    const address at = 5 * page - 8;
    BOOST_TEST(split(at, 8 + 24) == (sizes{8, 24}));
    BOOST_TEST(split(at, 8 + page + 24) == (sizes{8, page, 24}));
    BOOST_TEST(split(at, 8 + 2 * page + 24) == (sizes{8, page, page, 24}));
    BOOST_TEST(split(at, 8 + 5 * page + 24) == (sizes{8, page, page, page, page, page, 24}));
}

BOOST_AUTO_TEST_CASE(runs_are_large_unless_told) {
    constexpr std::size_t run = iovec_batch::default_run;
    BOOST_TEST(split(3 * page + 1, 10 * page, run) == sizes{10 * page});
    BOOST_TEST(split(run - 8, 8 + 2 * run + 24, run) == (sizes{8, run, run, 24}));
}

BOOST_AUTO_TEST_CASE(runs_are_shorter_for_what_is_larger_than_the_caches) {
    BOOST_TEST(iovec_batch::run_for(1) == iovec_batch::default_run);
    BOOST_TEST(iovec_batch::run_for(std::size_t{1} << 30) < iovec_batch::default_run);
}

BOOST_AUTO_TEST_CASE(no_batch_is_larger_than_the_kernel_takes) {
    BOOST_TEST(split(1, 2000 * page).size() == 1024u);
    BOOST_TEST(split(0, SIZE_MAX / 2).size() == 1024u);

    iovec_batch bytes(std::size_t{1} << 30);
    BOOST_TEST(bytes.add(0, std::size_t{1} << 40) == 0x7ffff000u);
    BOOST_TEST(bytes.add(0, 1) == 0u);
    BOOST_TEST(bytes.bytes() == 0x7ffff000u);
}

BOOST_AUTO_TEST_CASE(several_ranges_share_a_batch) {
    iovec_batch batch(page);
    BOOST_TEST(batch.add(0x5000, 10) == 10u);
    BOOST_TEST(batch.add(0x1000, 20) == 20u);
    BOOST_TEST(batch.count() == 2u);
    BOOST_TEST(batch.bytes() == 30u);
    BOOST_TEST(batch.data()[1].iov_len == 20u);
}
