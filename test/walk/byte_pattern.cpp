// SPDX-License-Identifier: BSL-1.0
#include <vmio/byte_pattern.hpp>

#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "walk/seam_search.hpp"

using vmio::byte_pattern;

namespace {

std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::vector<std::size_t> all(const byte_pattern& pattern, std::span<const std::byte> in) {
    std::vector<std::size_t> found;
    for (std::size_t at = pattern.find(in); at != byte_pattern::npos; at = pattern.find(in, at + 1))
        found.push_back(at);
    return found;
}

/// One comparison after the other.
std::vector<std::size_t> by_hand(std::span<const std::byte> pattern, std::span<const std::byte> mask,
                                 std::span<const std::byte> in) {
    std::vector<std::size_t> found;
    for (std::size_t at = 0; at + pattern.size() <= in.size(); ++at) {
        bool same = true;
        for (std::size_t i = 0; i < pattern.size(); ++i)
            same = same && ((in[at + i] ^ pattern[i]) & mask[i]) == std::byte(0);
        if (same) found.push_back(at);
    }
    return found;
}

}  // namespace

BOOST_AUTO_TEST_CASE(text_is_found_wherever_it_is) {
    const auto pattern = byte_pattern::text("aba");
    BOOST_TEST((all(pattern, bytes("ababa..aba")) == std::vector<std::size_t>{0, 2, 7}));
    BOOST_TEST(all(pattern, bytes("ab")).empty());
    BOOST_TEST(all(pattern, {}).empty());
    BOOST_TEST(pattern.find(bytes("aba"), 100) == byte_pattern::npos);
}

BOOST_AUTO_TEST_CASE(hexadecimal_digits_may_be_left_open) {
    BOOST_TEST((all(byte_pattern::hex("41 ?? 43"), bytes("ABC AxC ABD")) == std::vector<std::size_t>{0, 4}));
    BOOST_TEST((all(byte_pattern::hex("4?4?"), bytes("ABxAB")) == std::vector<std::size_t>{0, 3}));
    BOOST_TEST((all(byte_pattern::hex("?1"), bytes("1aAq")) == std::vector<std::size_t>{0, 1, 2, 3}));
    BOOST_TEST((all(byte_pattern::hex("??"), bytes("xy")) == std::vector<std::size_t>{0, 1}));
    for (const char* wrong : {"", " ", "4", "4 1", "4g", "0x41", "41 4"})
        BOOST_CHECK_THROW(byte_pattern::hex(wrong), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_mask_has_as_many_bytes_as_the_pattern) {
    BOOST_CHECK_THROW(byte_pattern(bytes("ab"), bytes("a")), std::invalid_argument);
    BOOST_CHECK_THROW(byte_pattern(bytes("")), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(zeros_match_a_pattern_that_leaves_them_open) {
    BOOST_TEST(byte_pattern::hex("00 ?? 00").matches_zeros());
    BOOST_TEST(byte_pattern::value(0).matches_zeros());
    BOOST_TEST(!byte_pattern::hex("00 01").matches_zeros());
}

BOOST_AUTO_TEST_CASE(any_pattern_finds_what_a_comparison_byte_by_byte_finds) {
    std::mt19937 random(1);
    for (int round = 0; round < 3000; ++round) {
        // Full of what looks like a match, and with hardly any.
        const unsigned different = round % 2 == 0 ? 3 : 256;
        std::vector<std::byte> in(random() % 500);
        for (auto& b : in) b = static_cast<std::byte>(random() % different);
        std::vector<std::byte> pattern(1 + random() % 6);
        std::vector<std::byte> mask(pattern.size());
        for (auto& b : pattern) b = static_cast<std::byte>(random() % different);
        for (auto& b : mask) b = static_cast<std::byte>(random() % 3 == 0 ? random() : 0xff);
        if (round % 3 == 0) mask.assign(mask.size(), std::byte(0xff));
        if (in.size() >= pattern.size()) {
            const auto place = static_cast<std::ptrdiff_t>(random() % (in.size() - pattern.size() + 1));
            std::copy(pattern.begin(), pattern.end(), in.begin() + place);
        }
        const byte_pattern p(pattern, mask);
        auto expected = by_hand(pattern, mask, in);
        BOOST_REQUIRE((all(p, in) == expected));

        // The same piece by piece, and some only.
        const std::size_t alignment = 1 + random() % 4;
        vmio::detail::seam_search seams(p, alignment);
        std::erase_if(expected, [&](std::size_t at) { return (1000 + at) % alignment != 0; });
        std::vector<std::size_t> found;
        for (std::size_t at = 0; at < in.size();) {
            const std::size_t size = std::min<std::size_t>(1 + random() % 9, in.size() - at);
            seams.add(1000 + at, std::span(in).subspan(at, size), [&](vmio::address a) {
                found.push_back(a - 1000);
                return true;
            });
            at += size;
        }
        BOOST_REQUIRE((found == expected));
    }
}

BOOST_AUTO_TEST_CASE(pieces_that_do_not_touch_are_not_joined) {
    const auto pattern = byte_pattern::text("abcd");
    vmio::detail::seam_search seams(pattern);
    int found = 0;
    const auto count = [&](vmio::address) { return ++found, true; };
    seams.add(0, bytes("..ab"), count);
    seams.add(5, bytes("cd.."), count);
    BOOST_TEST(found == 0);
    seams.add(9, bytes("ab"), count);
    seams.add(11, bytes("c"), count);
    seams.add(12, bytes("d"), count);
    BOOST_TEST(found == 1);
}
