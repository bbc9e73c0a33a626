// SPDX-License-Identifier: BSL-1.0
#include "tool.hpp"

#include <cstdint>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_CASE(a_size_is_printed_in_few_characters) {
    BOOST_TEST(tool::size_text(0) == "0 B");
    BOOST_TEST(tool::size_text(999) == "999 B");
    BOOST_TEST(tool::size_text(1000) == "1.0 KiB");
    BOOST_TEST(tool::size_text(4096) == "4.0 KiB");
    BOOST_TEST(tool::size_text(10 * 1024 - 1) == "10 KiB");
    BOOST_TEST(tool::size_text(3 << 19) == "1.5 MiB");
    BOOST_TEST(tool::size_text(std::uint64_t{128} << 40) == "128 TiB");
    BOOST_TEST(tool::size_text(~std::uint64_t{0}) == "16 EiB");
}

BOOST_AUTO_TEST_CASE(a_number_is_parsed_as_a_whole_and_fits) {
    BOOST_TEST(tool::number("0") == 0u);
    BOOST_TEST(tool::number("18446744073709551615") == ~std::uint64_t{0});
    BOOST_TEST(tool::number("0xffffFFFFffffffff") == ~std::uint64_t{0});
    for (const char* bad : {"", "x", "0x", "-1", "+1", " 1", "1 ", "12a", "0x1g", "18446744073709551616", "0x0x1"})
        BOOST_CHECK_THROW(tool::number(bad), tool::usage_error);
    BOOST_TEST(tool::hex(0xabc) == "abc");
    BOOST_TEST(tool::hex(0xabc, 6) == "000abc");
}

BOOST_AUTO_TEST_CASE(a_tool_has_the_name_that_it_was_called_by) {
    BOOST_TEST(tool::own_name("vmcat") == "vmcat");
    BOOST_TEST(tool::own_name("/usr/bin/vmio-breakpoint") == "vmio-breakpoint");
    BOOST_TEST(tool::own_name("") == "");
    BOOST_TEST(tool::own_name(nullptr) == "?");
}
