// SPDX-License-Identifier: BSL-1.0
/// The grammar of numbers, addresses and ranges, and the words for a memory that is none.
#include "place_argument.hpp"

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "processes/child.hpp"
#include "processes/run_program.hpp"

using test::program_result;
using test::run_program;

namespace {

tool::places some_places() {
    return {[] {
                return vmio::memory_map::from_mappings(
                    {{.range = {0x1000, 0x3000}, .perms = {}, .name = "/usr/bin/a-box"},
                     {.range = {0x3000, 0x4000}, .perms = {}, .name = "/usr/bin/a-box"},
                     {.range = {0x8000, 0x9000}, .perms = {}, .name = "/lib/libstdc++.so.6"},
                     {.range = {0xa000, 0xf000}, .perms = {}, .name = "[heap]"}});
            },
            "it"};
}

std::string words_of(const std::string& range) {
    try {
        some_places().range(range);
    } catch (const std::exception& e) {
        return e.what();
    }
    return "no error";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_size_may_have_a_unit) {
    BOOST_TEST(tool::number("0") == 0u);
    BOOST_TEST(tool::number("4K") == 4096u);
    BOOST_TEST(tool::number("1M") == 1u << 20);
    BOOST_TEST(tool::number("2G") == std::uint64_t{1} << 31);
    BOOST_TEST(tool::number("3T") == std::uint64_t{3} << 40);
    BOOST_TEST(tool::number("18446744073709551615") == ~std::uint64_t{0});
    for (const char* bad : {"", "K", "4KK", "4k", "-1", "0x", " 1K", "18446744073709551615K", "16777216T"})
        BOOST_CHECK_THROW(tool::number(bad), tool::usage_error);
}

BOOST_AUTO_TEST_CASE(an_address_is_hexadecimal_or_lies_in_what_has_a_name) {
    BOOST_TEST(some_places().address("4096") == 0x4096u);
    BOOST_TEST(some_places().address("0x4096") == 0x4096u);
    BOOST_TEST(some_places().address("7f00ABCDEF") == 0x7f00abcdefu);
    BOOST_TEST(some_places().address("[heap]") == 0xa000u);
    BOOST_TEST(some_places().address("[heap]+32") == 0xa020u);
    BOOST_TEST(some_places().address("libstdc++.so.6+0x10") == 0x8010u);
    BOOST_TEST(some_places().address("/usr/bin/a-box+1K") == 0x1400u);
    tool::places with_symbols(
        [] { return vmio::memory_map(); }, "it",
        [](std::string_view name) { return name == "main" ? std::optional<vmio::address>(0x77) : std::nullopt; });
    BOOST_TEST(with_symbols.address("main+1") == 0x78u);
}

BOOST_AUTO_TEST_CASE(a_range_has_an_end_or_a_size_or_a_name) {
    using vmio::address_range;
    const auto range = [](const char* text) { return some_places().range(text).value(); };
    BOOST_TEST((range("1000-2000") == address_range(0x1000, 0x2000)));
    BOOST_TEST((range("0x1000+4K") == address_range(0x1000, 0x2000)));
    BOOST_TEST((range("1000+16") == address_range(0x1000, 0x1010)));
    BOOST_TEST((range("a-box") == address_range(0x1000, 0x4000)));
    BOOST_TEST((range("a-box+16") == address_range(0x1000, 0x1010)));
    BOOST_TEST((range("libstdc++.so.6") == address_range(0x8000, 0x9000)));
    BOOST_TEST((range("[heap]+32+0x10") == address_range(0xa020, 0xa030)));
    BOOST_TEST((range("[heap]+32-[heap]+64") == address_range(0xa020, 0xa040)));
    BOOST_TEST(!some_places().range("8000").has_value());
}

BOOST_AUTO_TEST_CASE(an_error_says_what_was_understood) {
    BOOST_TEST(words_of("0x1000:0x2000") ==
               "'0x1000:0x2000' is not a range: START-END or START+SIZE, as in 0x1000-0x2000");
    BOOST_TEST(words_of("4K") == "'4K' is not a range: START-END or START+SIZE, as in 0x1000-0x2000");
    BOOST_TEST(words_of("2000-1000") == "the range ends before it starts: 0x2000-0x1000");
    BOOST_TEST(words_of("ffffffffffffffff+2") ==
               "the range goes past the top of the address space: 0xffffffffffffffff and 2 bytes");
    BOOST_TEST(words_of("[stack]+32") == "no region is called '[stack]': 'vmmap it' lists them");
    BOOST_TEST(words_of("no c++") == "no region is called 'no c++': 'vmmap it' lists them");
    BOOST_TEST(words_of("1000+x") == "'x' is not a number: 4096, 4K, or 0x1000");
}

BOOST_AUTO_TEST_CASE(a_name_or_a_swapped_argument_in_place_of_a_process_has_its_own_words) {
    test::child_process child;
    const std::string id = std::to_string(child.id());
    std::string name;
    std::getline(std::ifstream("/proc/self/comm"), name);
    const program_result by_name = run_program({VMIO_VMMAP, name});
    BOOST_TEST(by_name.status == 2);
    BOOST_TEST(by_name.err.find("; PID must be a number: " + name + " is ") != std::string::npos, by_name.err);
    const program_result swapped = run_program({VMIO_VMGREP, "some text", id});
    BOOST_TEST(swapped.status == 2);
    BOOST_TEST(
        swapped.err.find("is the order swapped? The memory, such as " + id + ", comes first\n") != std::string::npos,
        swapped.err);
    const program_result typo = run_program({VMIO_VMMAP, id + "x"});
    BOOST_TEST(typo.status == 2);
    BOOST_TEST(typo.err.find("; PID must be a number\n") != std::string::npos, typo.err);
    const program_result gone = run_program({VMIO_VMMAP, "2147483647"});
    BOOST_TEST(gone.status == 1);
    BOOST_TEST(gone.err.find("another PID namespace") != std::string::npos, gone.err);
}
