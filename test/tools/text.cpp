// SPDX-License-Identifier: BSL-1.0
#include "text.hpp"

#include <clocale>
#include <string>

#include <boost/test/unit_test.hpp>

#include "support/skip.hpp"

using tool::is_utf8;
using tool::json_string;
using tool::printable;

namespace {

struct utf8_locale {
    utf8_locale() { std::setlocale(LC_CTYPE, "C.UTF-8"); }
    utf8_locale(const utf8_locale&) = delete;
    utf8_locale& operator=(const utf8_locale&) = delete;
    ~utf8_locale() { std::setlocale(LC_CTYPE, "C"); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(utf8_is_told_from_what_only_looks_like_it) {
    for (const char* good : {"", "plain", "\xc2\x80", "\xc3\xa9t\xc3\xa9", "\xe0\xa0\x80", "\xed\x9f\xbf",
                             "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
        BOOST_TEST(is_utf8(good), good);
    // Continuations without a beginning, what is cut off, too long, surrogates, above U+10FFFF.
    for (const char* bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf", "\xe2\x82",
                            "\xe2(\xa1", "\xe2\x82(", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
                            "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff"})
        BOOST_TEST(!is_utf8(bad), bad);
}

BOOST_AUTO_TEST_CASE(a_string_of_json_escapes_what_it_must) {
    BOOST_TEST(json_string("") == R"("")");
    BOOST_TEST(json_string("/a b/\xc3\xa9\xf0\x9f\x98\x80") == "\"/a b/\xc3\xa9\xf0\x9f\x98\x80\"");
    BOOST_TEST(json_string("\"\\/") == R"("\"\\/")");
    BOOST_TEST(json_string(std::string("\0\n\t\x1b\x7f", 5)) == R"("\u0000\u000a\u0009\u001b\u007f")");
    BOOST_TEST(json_string("a\xff\xe2\x82z") == R"("a\ufffd\ufffd\ufffdz")");
    BOOST_TEST(tool::json_hex("a\n\xff") == R"("610aff")");
}

BOOST_AUTO_TEST_CASE(no_control_character_is_printed) {
    BOOST_TEST(printable("/usr/lib/a b") == "/usr/lib/a b");
    BOOST_TEST(printable("\x1b[2J\n\\012\x7f") == R"(\033[2J\012\134012\177)");
    BOOST_TEST(printable("\xc3\xa9\xff") == R"(\303\251\377)");
}

BOOST_AUTO_TEST_CASE(a_character_that_the_locale_can_print_is_printed,
                     *boost::unit_test::precondition(test::has_utf8_locale)) {
    const utf8_locale set;
    BOOST_TEST(tool::locale_is_utf8());
    BOOST_TEST(printable("\xc3\xa9\xf0\x9f\x98\x80") == "\xc3\xa9\xf0\x9f\x98\x80");
    BOOST_TEST(printable("\xff\xc2\x9b\xe2\x82") == R"(\377\302\233\342\202)");
}

BOOST_AUTO_TEST_CASE(what_deceives_a_reader_is_escaped_on_a_terminal_and_in_json,
                     *boost::unit_test::precondition(test::has_utf8_locale)) {
    const utf8_locale set;
    // U+0085 of C1, U+00AD, U+200B without a width, U+202E and U+2066 of direction, U+FEFF, U+E0041, a tag.
    const std::string all = "a\xc2\x85\xc2\xad\xe2\x80\x8b\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf\xf3\xa0\x81\x81z";
    BOOST_TEST(printable(all) ==
               R"(a\302\205\302\255\342\200\213\342\200\256\342\201\246\357\273\277\363\240\201\201z)");
    BOOST_TEST(json_string(all) == R"("a\u0085\u00ad\u200b\u202e\u2066\ufeff\udb40\udc41z")");
}

BOOST_AUTO_TEST_CASE(a_message_keeps_its_lines_and_backslashes) {
    BOOST_TEST(tool::printable_message("") == "");
    BOOST_TEST(tool::printable_message("a\n\x1b[2J\\\n\nz\n") == "a\n\\033[2J\\\n\nz\n");
}

BOOST_AUTO_TEST_CASE(printed_text_keeps_to_its_columns, *boost::unit_test::precondition(test::has_utf8_locale)) {
    BOOST_TEST(printable("abc", 3) == "abc");
    BOOST_TEST(printable("abcd", 3) == "abc");
    BOOST_TEST(printable("ab\n", 5) == "ab");
    BOOST_TEST(printable("ab\n", 6) == R"(ab\012)");
    const utf8_locale set;
    BOOST_TEST(printable("\xe4\xb8\xad\xe4\xb8\xad", 3) == "\xe4\xb8\xad");  // two columns each
    BOOST_TEST(printable("e\xcc\x81x", 1) == "e\xcc\x81");                   // one, of two characters
}
