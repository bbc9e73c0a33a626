// SPDX-License-Identifier: BSL-1.0
#include <vmio/address.hpp>

#include <iomanip>
#include <limits>
#include <sstream>
#include <stdexcept>

#include <unistd.h>

#include <boost/test/unit_test.hpp>

using vmio::address;
using vmio::address_range;

namespace {
constexpr address top = std::numeric_limits<address>::max();
}

BOOST_AUTO_TEST_CASE(a_range_is_half_open) {
    const address_range r(0x1000, 0x3000);
    BOOST_TEST(r.start() == 0x1000u);
    BOOST_TEST(r.end() == 0x3000u);
    BOOST_TEST(r.size() == 0x2000u);
    BOOST_TEST(!r.empty());
    BOOST_TEST(r.contains(0x1000));
    BOOST_TEST(r.contains(0x2fff));
    BOOST_TEST(!r.contains(0x3000));
    BOOST_TEST(!r.contains(0xfff));
}

BOOST_AUTO_TEST_CASE(a_range_may_be_empty_but_not_backwards) {
    BOOST_TEST(address_range(5, 5).empty());
    BOOST_TEST(!address_range(5, 5).contains(5));
    BOOST_TEST(address_range().empty());
    BOOST_CHECK_THROW(address_range(5, 4), std::invalid_argument);
    BOOST_CHECK_THROW(address_range(top, 0), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_size_that_passes_the_top_is_refused) {
    BOOST_TEST(address_range::of_size(top, 0).empty());
    BOOST_TEST(address_range::of_size(0, top).size() == top);
    BOOST_TEST(address_range::of_size(top - 16, 16).end() == top);
    BOOST_CHECK_THROW(address_range::of_size(top - 16, 17), std::out_of_range);
    BOOST_CHECK_THROW(address_range::of_size(1, top), std::out_of_range);
    BOOST_CHECK_THROW(address_range::of_size(top, top), std::out_of_range);
}

BOOST_AUTO_TEST_CASE(a_part_lies_inside_or_is_refused) {
    const address_range r(0x1000, 0x3000);
    BOOST_TEST((r.part(0, 0x2000) == r));
    BOOST_TEST((r.part(0x1ff0, 0x10) == address_range(0x2ff0, 0x3000)));
    BOOST_TEST(r.part(0x2000, 0).empty());
    BOOST_CHECK_THROW(r.part(0x1ff0, 0x11), std::out_of_range);
    BOOST_CHECK_THROW(r.part(0x2001, 0), std::out_of_range);
    BOOST_CHECK_THROW(r.part(1, top), std::out_of_range);
}

BOOST_AUTO_TEST_CASE(ranges_contain_overlap_and_intersect) {
    const address_range r(10, 20);
    BOOST_TEST(r.contains(address_range(10, 20)));
    BOOST_TEST(r.contains(address_range(20, 20)));
    BOOST_TEST(!r.contains(address_range(9, 20)));
    BOOST_TEST(!r.contains(address_range(10, 21)));
    BOOST_TEST(r.overlaps(address_range(19, 30)));
    BOOST_TEST(r.overlaps(address_range(0, 11)));
    BOOST_TEST(!r.overlaps(address_range(20, 30)));
    BOOST_TEST(!r.overlaps(address_range(0, 10)));
    BOOST_TEST(!r.overlaps(address_range(15, 15)));
    BOOST_TEST((r.intersection(address_range(0, 15)) == address_range(10, 15)));
    BOOST_TEST((r.intersection(address_range(15, 100)) == address_range(15, 20)));
    BOOST_TEST((r.intersection(address_range(12, 13)) == address_range(12, 13)));
    BOOST_TEST(r.intersection(address_range(0, 5)).empty());
    BOOST_TEST(r.intersection(address_range(30, 50)).empty());
    BOOST_TEST(r.contains(r.intersection(address_range(30, 50))));
    BOOST_TEST(r.contains(r.intersection(address_range(0, 5))));
}

BOOST_AUTO_TEST_CASE(the_page_size_is_the_machines) {
    BOOST_TEST(vmio::page_size() == static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
    BOOST_TEST((vmio::page_size() & (vmio::page_size() - 1)) == 0u);
}

BOOST_AUTO_TEST_CASE(aligning_goes_to_a_multiple_and_never_wraps) {
    BOOST_TEST(vmio::align_down(0x1fff, 0x1000) == 0x1000u);
    BOOST_TEST(vmio::align_down(0x1000, 0x1000) == 0x1000u);
    BOOST_TEST(vmio::align_up(0x1001, 0x1000) == 0x2000u);
    BOOST_TEST(vmio::align_up(0x1000, 0x1000) == 0x1000u);
    BOOST_TEST(vmio::align_up(0, 0x1000) == 0u);
    BOOST_TEST(vmio::align_up(top - 0xfff, 0x1000) == top - 0xfff);
    BOOST_CHECK_THROW(vmio::align_up(top - 0xffe, 0x1000), std::out_of_range);
    BOOST_CHECK_THROW(vmio::align_up(top, 0x1000), std::out_of_range);
}

BOOST_AUTO_TEST_CASE(the_next_boundary_lies_above_and_saturates_at_the_top) {
    static_assert(vmio::next_boundary(0, 0x1000) == 0x1000);
    BOOST_TEST(vmio::next_boundary(0xfff, 0x1000) == 0x1000u);
    BOOST_TEST(vmio::next_boundary(0x1000, 0x1000) == 0x2000u);
    BOOST_TEST(vmio::next_boundary(top - 0x1000, 0x1000) == top - 0xfff);
    BOOST_TEST(vmio::next_boundary(top - 0xfff, 0x1000) == top);
    BOOST_TEST(vmio::next_boundary(top, 0x1000) == top);
    BOOST_TEST(vmio::next_boundary(top, 1) == top);
}

BOOST_AUTO_TEST_CASE(a_range_is_printed_as_a_half_open_interval) {
    BOOST_TEST(to_string(address_range(0x1000, 0x3000)) == "[0x1000, 0x3000)");
    BOOST_TEST(to_string(address_range(0, top)) == "[0x0, 0xffffffffffffffff)");
    std::ostringstream out;
    out << std::setw(8) << address_range(1, 2) << ' ' << std::dec << 10;
    BOOST_TEST(out.str() == "[0x1, 0x2) 10");
    out.str({});
    out << std::left << std::setw(12) << address_range() << '|';
    BOOST_TEST(out.str() == "[0x0, 0x0)  |");
}
