// SPDX-License-Identifier: BSL-1.0
#include "proc/maps_text.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace std::string_literals;
using vmio::mapping;
using vmio::detail::maps_line;
using vmio::detail::parse_maps;
using vmio::detail::parse_maps_line;

namespace {

constexpr vmio::permissions r{true, false, false, false};
constexpr vmio::permissions rw{true, true, false, false};
constexpr vmio::permissions rx{true, false, true, false};

mapping only(const std::string& line) {
    const vmio::detail::maps_list list = parse_maps(line + "\n");
    BOOST_REQUIRE(list.mappings.size() == 1u);
    BOOST_TEST(list.malformed.empty());
    return list.mappings.front();
}

std::string name_of(const std::string& name) {
    return only("1000-2000 r--p 00000000 fe:00 7                          " + name).name;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_field_of_a_line_is_kept) {
    BOOST_TEST(
        only("7f84b7600000-7f84b7699000 r-xs 0019a000 fe:1f 333430                     /usr/lib/libstdc++.so.6") ==
        (mapping{{0x7f84b7600000, 0x7f84b7699000},
                 {true, false, true, true},
                 0x19a000,
                 0xfe,
                 0x1f,
                 333430,
                 "/usr/lib/libstdc++.so.6",
                 false}));
    BOOST_TEST(
        only("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]") ==
        (mapping{{0xffffffffff600000, 0xffffffffff601000}, {false, false, true}, 0, 0, 0, 0, "[vsyscall]", false}));
    BOOST_TEST(only("0-ffffffffffffffff -w-p ffffffffffffffff ffffffff:ffffffff 18446744073709551615 ") ==
               (mapping{{0, ~vmio::address{0}}, {false, true}, ~0ULL, ~0U, ~0U, ~0ULL, "", false}));
}

BOOST_AUTO_TEST_CASE(a_mapping_may_have_no_name) {
    for (const char* line : {"1000-2000 rw-p 00000000 00:00 0 ", "1000-2000 rw-p 00000000 00:00 0"})
        BOOST_TEST(only(line) == (mapping{{0x1000, 0x2000}, rw, 0, 0, 0, 0, "", false}));
}

BOOST_AUTO_TEST_CASE(the_last_line_may_lack_its_newline) {
    BOOST_TEST(parse_maps("1000-2000 rw-p 00000000 00:00 0 \n2000-3000 r--p 00000000 00:00 0 [heap]").mappings ==
                   (std::vector<mapping>{{{0x1000, 0x2000}, rw, 0, 0, 0, 0, "", false},
                                         {{0x2000, 0x3000}, r, 0, 0, 0, 0, "[heap]", false}}),
               boost::test_tools::per_element());
    BOOST_TEST(parse_maps("").mappings.empty());
    BOOST_TEST(parse_maps("").malformed.empty());
}

BOOST_AUTO_TEST_CASE(a_name_is_kept_byte_for_byte) {
    for (const std::string name :
         {"/a b", "/trailing  ", "/  inner", "/\t\r\v", "/\x80\xff\xc3\x28", "/a\\b", "/a\\040b", "/a\\01", "/quo\"te'",
          "[anon: a  b ]", "[anon_shmem:x]", "anon_inode:[perf_event]", "socket:[1234]", "/(deleted)", "/x(deleted)",
          "/x (deleted) "})
        BOOST_TEST(name_of(name) == name);
    const std::string every = [] {
        std::string s = "/";
        for (int c = 0; c < 256; ++c)
            if (c != '\n') s += static_cast<char>(c);
        return s + "/";
    }();
    BOOST_TEST(name_of(every) == every);
    BOOST_TEST(name_of("/" + std::string(100000, 'x')).size() == 100001u);
}

BOOST_AUTO_TEST_CASE(an_escaped_newline_is_a_newline) {
    BOOST_TEST(name_of("/a\\012b") == "/a\nb");
    BOOST_TEST(name_of("\\012\\012") == "\n\n");
    BOOST_TEST(name_of("/a\\\\012b\\0123") == "/a\\\nb\n3");
}

BOOST_AUTO_TEST_CASE(a_deleted_file_is_marked_and_the_mark_is_no_part_of_its_name) {
    const auto deleted = [](const std::string& rest) { return only("1000-2000 r--p 00000000 00:01 " + rest); };
    BOOST_TEST(deleted("7 /memfd:jit (deleted)").name == "/memfd:jit");
    BOOST_TEST(deleted("7 /memfd:jit (deleted)").deleted);
    BOOST_TEST(deleted("7 /a\\012 (deleted)").name == "/a\n");
    BOOST_TEST(deleted("7 /a (deleted) (deleted)").name == "/a (deleted)");
    BOOST_TEST(!deleted("7 /a").deleted);
    BOOST_TEST(!deleted("0 [anon:x (deleted)").deleted);  // nothing without a file can be
}

BOOST_AUTO_TEST_CASE(the_kernels_spelling_of_a_name_can_be_restored) {
    for (const std::string name : {"/a b ", "/a\\012b", "/a (deleted)", "/a\\012 (deleted) (deleted)", ""})
        BOOST_TEST(vmio::detail::name_in_text(only("1000-2000 r--p 00000000 fe:00 7 " + name)) == name);
}

BOOST_AUTO_TEST_CASE(malformed_lines_are_reported_and_skipped) {
    const std::vector<std::string> bad{
        "",
        " ",
        "garbage",
        "1000 2000 r--p 00000000 00:00 0 /no/dash",
        "-2000 r--p 00000000 00:00 0 /no/start",
        "1000- r--p 00000000 00:00 0 /no/end",
        "1000-2000",
        "1000-2000 r--p",
        "1000-2000 r--p 00000000",
        "1000-2000 r--p 00000000 00:00",
        "1000-2000 r--p 00000000 00:00 ",
        "10g0-2000 r--p 00000000 00:00 0 /bad/digit",
        "1000-20X0 r--p 00000000 00:00 0 /bad/digit",
        "0x1000-0x2000 r--p 00000000 00:00 0 /prefix",
        "1000-11000000000000000 r--p 00000000 00:00 0 /more/than/64/bits",
        "2000-1000 r--p 00000000 00:00 0 /backwards",
        "1000-1000 r--p 00000000 00:00 0 /empty",
        "1000-2000 r-- 00000000 00:00 0 /three/permissions",
        "1000-2000 wr-p 00000000 00:00 0 /wrong/order",
        "1000-2000 r--q 00000000 00:00 0 /wrong/letter",
        "1000-2000 r--pp 00000000 00:00 0 /five/permissions",
        "1000-2000 r--p -0000001 00:00 0 /negative",
        "1000-2000 r--p 00000000 0000 0 /no/colon",
        "1000-2000 r--p 00000000 00: 0 /no/minor",
        "1000-2000 r--p 00000000 :00 0 /no/major",
        "1000-2000 r--p 00000000 100000000:00 0 /large/major",
        "1000-2000 r--p 00000000 00:00 x /no/inode",
        "1000-2000 r--p 00000000 00:00 0x7 /inode/is/decimal",
        "1000-2000 r--p 00000000 00:00 18446744073709551616 /large/inode",
        "1000\t-2000 r--p 00000000 00:00 0 /tab",
        " 1000-2000 r--p 00000000 00:00 0 /leading/space",
        "1000-2000 r--p 0000\0 00:00 0 /nul"s,
    };
    std::string text;
    vmio::address at = 0x1000;
    for (const std::string& line : bad) {
        maps_line ignored;
        BOOST_TEST(!parse_maps_line(line, ignored), line);
        char good[64];
        std::snprintf(good, sizeof good, "\n%lx-%lx r--p 00000000 00:00 0 n%lx\n", at, at + 0x1000, at);
        text += line + good;
        at += 0x1000;
    }
    const vmio::detail::maps_list list = parse_maps(text);
    BOOST_TEST(list.malformed == bad, boost::test_tools::per_element());
    BOOST_TEST(list.mappings.size() == bad.size());
    BOOST_TEST(!list.torn);
}

BOOST_AUTO_TEST_CASE(every_part_of_a_line_that_is_cut_off_is_read_or_refused) {
    const std::string line = "7f84b7600000-7f84b7699000 r-xp 0019a000 fe:00 333430                     /usr/lib/x";
    const std::size_t whole = line.find("333430") + 1;  // from the inode's first digit on, a line makes sense
    for (std::size_t size = 0; size <= line.size(); ++size) {
        // A copy of its own, so that a read past its end is seen by a sanitizer.
        const std::vector<char> part(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(size));
        maps_line parsed;
        BOOST_TEST(parse_maps_line({part.data(), part.size()}, parsed) == (size >= whole), size);
    }
}

BOOST_AUTO_TEST_CASE(the_later_of_overlapping_lines_is_right) {
    const auto list = parse_maps(
        "1000-3000 rw-p 00000000 00:00 0 a\n"
        "3000-4000 rw-p 00000000 00:00 0 b\n"
        "2000-5000 r--p 00000000 00:00 0 grown\n"
        "6000-7000 rw-p 00000000 00:00 0 c\n"
        "6000-7000 r-xp 00000000 00:00 0 again\n"
        "7000-8000 rw-p 00000000 00:00 0 d\n");
    BOOST_TEST(list.torn);
    BOOST_TEST(list.malformed.empty());
    const std::vector<mapping> expected{{{0x1000, 0x2000}, rw, 0, 0, 0, 0, "a", false},
                                        {{0x2000, 0x5000}, r, 0, 0, 0, 0, "grown", false},
                                        {{0x6000, 0x7000}, rx, 0, 0, 0, 0, "again", false},
                                        {{0x7000, 0x8000}, rw, 0, 0, 0, 0, "d", false}};
    BOOST_TEST(list.mappings == expected, boost::test_tools::per_element());
    BOOST_TEST(parse_maps("2000-3000 rw-p 00000000 00:00 0 \n1000-2000 rw-p 00000000 00:00 0 \n").torn);
}

BOOST_AUTO_TEST_CASE(the_inputs_that_the_fuzzer_keeps_are_read) {
    for (const auto& file : std::filesystem::directory_iterator(VMIO_INPUTS)) {
        std::ifstream in(file.path(), std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        const vmio::detail::maps_list list = parse_maps(text);
        BOOST_TEST((!list.mappings.empty() || !list.malformed.empty()), file.path());
    }
}
