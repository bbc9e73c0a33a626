// SPDX-License-Identifier: BSL-1.0
#include <vmio/hex_dump.hpp>

#include <iomanip>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

std::string dumped(std::string_view text, vmio::address start, std::vector<vmio::memory_gap> gaps = {}) {
    std::ostringstream out;
    vmio::hex_dump(out, std::as_bytes(std::span(text)), start, gaps);
    return out.str();
}

vmio::memory_gap gap(vmio::address start, vmio::address end) {
    return {{start, end}, vmio::gap_reason::unmapped};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hex_dump)

BOOST_AUTO_TEST_CASE(a_row_has_sixteen_bytes_and_their_text) {
    BOOST_TEST(dumped("secret word\n\x7f\xff 0", 0x7f3a2c001230) ==
               "7f3a2c001230  73 65 63 72 65 74 20 77  6f 72 64 0a 7f ff 20 30  |secret word... 0|\n");
    BOOST_TEST(dumped("", 0x1000) == "");
}

BOOST_AUTO_TEST_CASE(the_last_row_may_be_shorter) {
    BOOST_TEST(dumped("0123456789abcdefgh", 0x1000) ==
               "000000001000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
               "000000001010  67 68                                             |gh|\n");
}

BOOST_AUTO_TEST_CASE(an_address_of_the_upper_half_has_all_its_digits) {
    BOOST_TEST(dumped("a", 0xffffffffff600000) ==
               "ffffffffff600000  61                                                |a|\n");
}

BOOST_AUTO_TEST_CASE(gaps_are_dashes_and_rows_of_nothing_else_are_left_out) {
    const std::string text(64, 'x');
    BOOST_TEST(dumped(text, 0x1000, {gap(0x0, 0x1002), gap(0x100e, 0x1031), gap(0x103f, 0x2000)}) ==
               "000000001000  -- -- 78 78 78 78 78 78  78 78 78 78 78 78 -- --  |  xxxxxxxxxxxx  |\n"
               "000000001030  -- 78 78 78 78 78 78 78  78 78 78 78 78 78 78 --  | xxxxxxxxxxxxxx |\n");
    BOOST_TEST(dumped(text, 0x1000, {gap(0x1000, 0x1040)}) == "");
}

BOOST_AUTO_TEST_CASE(the_flags_of_the_stream_are_neither_used_nor_changed) {
    std::ostringstream out;
    out << std::hex << std::setw(70) << std::setfill('*');
    vmio::hex_dump(out, std::as_bytes(std::span("a", 1)), 16);
    BOOST_TEST(out.str().front() == '0');
    BOOST_TEST((out.flags() & std::ios::hex) != 0);
}

BOOST_AUTO_TEST_SUITE_END()
