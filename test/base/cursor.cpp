// SPDX-License-Identifier: BSL-1.0
#include <vmio/detail/cursor.hpp>

#include <cerrno>
#include <cstdint>
#include <limits>

#include <boost/test/unit_test.hpp>

using vmio::address;
using vmio::address_range;
using vmio::cursor;

namespace {
constexpr address top = ~address{0};
constexpr auto most = std::numeric_limits<std::int64_t>::max();
constexpr auto least = std::numeric_limits<std::int64_t>::min();
}  // namespace

BOOST_AUTO_TEST_CASE(a_move_forward_adds_and_stops_past_the_end) {
    cursor c(100);
    BOOST_TEST(c.move_by(23));
    BOOST_TEST(c.where() == 123u);
    BOOST_TEST(c.move_by(-123));
    BOOST_TEST(c.move_by(most));
    BOOST_TEST(c.move_by(most));
    BOOST_TEST(!c.past_end());
    BOOST_TEST(c.where() == top - 1);
    BOOST_TEST(c.move_by(most));
    BOOST_TEST(c.past_end());
}

BOOST_AUTO_TEST_CASE(the_last_address_and_past_the_end_are_told_apart) {
    cursor c(top);
    BOOST_TEST(!c.past_end());
    BOOST_TEST(c.clip(100) == 1u);
    BOOST_TEST(c.move_by(1));
    BOOST_TEST(c.past_end());
    BOOST_TEST(c.clip(100) == 0u);
    BOOST_TEST(c.move_by(5));
    BOOST_TEST(c.past_end());
    BOOST_TEST(c.move_by(-1));
    BOOST_TEST(c.where() == top);
    BOOST_TEST(!c.past_end());
}

BOOST_AUTO_TEST_CASE(a_move_below_the_start_is_refused_and_changes_nothing) {
    cursor c(10);
    BOOST_TEST(!c.move_by(-11));
    BOOST_TEST(c.where() == 10u);
    BOOST_TEST(!c.move_by(least));
    BOOST_TEST(c.where() == 10u);
    BOOST_TEST(c.move_by(-10));
    BOOST_TEST(c.where() == 0u);

    cursor w(address_range(0x1000, 0x2000));
    BOOST_TEST(!w.move_by(-1));
    BOOST_TEST(!w.move_from_end(-0x1001));
    BOOST_TEST(w.offset() == 0u);
}

BOOST_AUTO_TEST_CASE(a_move_from_the_end_counts_back_from_2_to_the_64) {
    cursor c(5);
    BOOST_TEST(c.move_from_end(-16));
    BOOST_TEST(c.where() == top - 15);
    BOOST_TEST(c.move_from_end(0));
    BOOST_TEST(c.past_end());
    BOOST_TEST(c.move_by(-16));
    BOOST_TEST(c.where() == top - 15);
    BOOST_TEST(c.move_from_end(7));
    BOOST_TEST(c.past_end());
    BOOST_TEST(c.move_from_end(least));
    BOOST_TEST(c.where() == address{1} << 63);
}

BOOST_AUTO_TEST_CASE(a_window_counts_from_its_start_and_ends_at_its_size) {
    cursor c(address_range(0x1000, 0x1010));
    BOOST_TEST(c.where() == 0x1000u);
    BOOST_TEST(c.clip(100) == 16u);
    c.move_to(15);
    BOOST_TEST(c.where() == 0x100fu);
    BOOST_TEST(c.clip(100) == 1u);
    c.move_to(16);
    BOOST_TEST(c.past_end());
    BOOST_TEST(c.offset() == 16u);
    c.move_to(400);
    BOOST_TEST(c.offset() == 16u);
    BOOST_TEST(c.move_by(-3));
    BOOST_TEST(c.offset() == 13u);
    BOOST_TEST(c.move_from_end(-16));
    BOOST_TEST(c.offset() == 0u);
    c.advance(16);
    BOOST_TEST(c.past_end());
    BOOST_TEST(cursor(address_range(5, 5)).past_end());
}

BOOST_AUTO_TEST_CASE(a_clipped_size_never_exceeds_the_end) {
    BOOST_TEST(cursor(0).clip(top) == top);
    BOOST_TEST(cursor(1).clip(top) == top);
    BOOST_TEST(cursor(2).clip(top) == top - 1);
    BOOST_TEST(cursor(top - 15).clip(13) == 13u);
    BOOST_TEST(cursor(top - 15).clip(16) == 16u);
    BOOST_TEST(cursor(top - 15).clip(17) == 16u);
    BOOST_TEST(cursor(7).clip(0) == 0u);
}

BOOST_AUTO_TEST_CASE(a_position_beyond_stream_offsets_is_an_error_not_a_wrap) {
    cursor c(5);
    BOOST_TEST(c.seek(most, std::ios_base::beg) == 0);
    BOOST_TEST(c.where() == static_cast<address>(most));
    BOOST_TEST(c.seek(1, std::ios_base::cur) == EOVERFLOW);
    BOOST_TEST(c.seek(0, std::ios_base::end) == EOVERFLOW);
    BOOST_TEST(c.seek(-16, std::ios_base::end) == EOVERFLOW);
    BOOST_TEST(c.where() == static_cast<address>(most));
    BOOST_TEST(c.seek(-1, std::ios_base::beg) == EINVAL);
    BOOST_TEST(c.seek(least, std::ios_base::cur) == EINVAL);
    BOOST_TEST(c.where() == static_cast<address>(most));
}
