// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_view.hpp>

#include <array>
#include <string>
#include <vector>

#include <boost/endian/arithmetic.hpp>
#include <boost/test/unit_test.hpp>

#include "support/pages.hpp"

using boost::endian::big_uint16_t;
using boost::endian::big_uint32_t;
using boost::endian::big_uint64_t;
using boost::endian::little_uint64_t;
using vmio::address;
using vmio::address_range;
using vmio::memory_view;

namespace {

constexpr address base = 0x7fff'0000'1000;
constexpr address top = ~address{0};

/// A vector is never one byte longer than what is looked at, so that a sanitizer sees it.
std::vector<std::byte> counting(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i);
    return bytes;
}

std::vector<std::byte> of_words(std::initializer_list<address> words) {
    std::vector<std::byte> bytes(words.size() * sizeof(address));
    std::memcpy(bytes.data(), words.begin(), bytes.size());
    return bytes;
}

std::vector<std::byte> of_text(const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_view_keeps_the_address_and_the_bytes) {
    const auto bytes = counting(64);
    const memory_view view(base, bytes);
    BOOST_TEST(view.start() == base);
    BOOST_TEST(view.size() == 64u);
    BOOST_TEST(!view.empty());
    BOOST_TEST((view.range() == address_range(base, base + 64)));
    BOOST_TEST(view.bytes().data() == bytes.data());
    BOOST_TEST(view.bytes().size() == 64u);
    BOOST_TEST(memory_view().empty());
    BOOST_TEST(memory_view(base, {}).empty());
    BOOST_TEST(memory_view(base, {}).start() == base);
}

BOOST_AUTO_TEST_CASE(bytes_beyond_the_top_are_refused) {
    const auto bytes = counting(16);
    BOOST_CHECK_THROW(memory_view(top - 15, bytes), std::out_of_range);
    BOOST_CHECK_THROW(memory_view(top, std::span(bytes).first(1)), std::out_of_range);
    BOOST_TEST((memory_view(top - 16, bytes).value_at<std::byte>(top - 1) == std::byte{15}));
}

BOOST_AUTO_TEST_CASE(words_at_offsets_are_read_in_the_order_of_this_machine) {
    const auto bytes = of_words({0x1122334455667788, 0x99aabbccddeeff00});
    const memory_view view(base, bytes);
    BOOST_TEST(view.at<address>(0) == 0x1122334455667788u);
    BOOST_TEST(view.at<address>(8) == 0x99aabbccddeeff00u);
    BOOST_TEST(view.value_at<address>(base + 8) == 0x99aabbccddeeff00u);
    BOOST_TEST((view.get<address>(8) == 0x99aabbccddeeff00u));
}

BOOST_AUTO_TEST_CASE(the_byte_order_is_a_matter_of_the_type) {
    const auto bytes = counting(16);
    const memory_view view(base, bytes);
    BOOST_TEST(view.at<little_uint64_t>(0) == 0x0706050403020100u);
    BOOST_TEST(view.at<little_uint64_t>(8) == 0x0f0e0d0c0b0a0908u);
    BOOST_TEST(view.at<big_uint64_t>(0) == 0x0001020304050607u);
    BOOST_TEST(view.at<big_uint32_t>(3) == 0x03040506u);

    struct header {
        big_uint32_t magic;
        big_uint16_t length;
    };
    static_assert(sizeof(header) == 6);
    BOOST_TEST(view.at<header>(1).magic == 0x01020304u);
    BOOST_TEST(view.at<header>(1).length == 0x0506u);
}

BOOST_AUTO_TEST_CASE(values_of_any_trivially_copyable_type_need_no_alignment) {
    struct point {
        double x;
        std::int16_t y;
        char name[6];
    };
    const point p{2.5, -7, "north"};
    std::vector<std::byte> bytes(3 + sizeof p);
    std::memcpy(bytes.data() + 3, &p, sizeof p);
    const memory_view view(base, bytes);
    const auto copy = view.at<point>(3);
    BOOST_TEST(copy.x == 2.5);
    BOOST_TEST(copy.y == -7);
    BOOST_TEST(copy.name == "north");
    BOOST_TEST((view.value_at<std::array<char, 6>>(base + 13) == std::array{'n', 'o', 'r', 't', 'h', '\0'}));
}

BOOST_AUTO_TEST_CASE(every_value_lies_inside_or_is_refused) {
    const auto bytes = counting(8);
    const memory_view view(base, bytes);
    BOOST_TEST(view.at<address>(0) == 0x0706050403020100u);
    for (const std::size_t offset :
         {std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{9}, SIZE_MAX - 7, SIZE_MAX}) {
        BOOST_CHECK_THROW(view.at<address>(offset), std::out_of_range);
        BOOST_CHECK_THROW(view.value_at<address>(base + offset), std::out_of_range);
        BOOST_TEST(!view.get<address>(offset));
    }
    BOOST_TEST((view.at<std::byte>(7) == std::byte{7}));
    BOOST_TEST((view.at<std::byte>(view.size() - 1) == std::byte{7}));  // the last
    BOOST_CHECK_THROW(view.at<std::byte>(8), std::out_of_range);
    const memory_view nothing;
    BOOST_CHECK_THROW(nothing.at<std::byte>(0), std::out_of_range);
    BOOST_CHECK_THROW(nothing.at<std::byte>(nothing.size() - 1), std::out_of_range);
}

BOOST_AUTO_TEST_CASE(an_address_outside_is_no_offset) {
    const auto bytes = counting(16);
    const memory_view view(base, bytes);
    BOOST_TEST(view.offset_of(base) == 0u);
    BOOST_TEST(view.offset_of(base + 9) == 9u);
    for (const address a : {base - 1, base + 16, address{0}, top}) {
        BOOST_TEST(!view.get<char>(view.offset_of(a)));
        BOOST_CHECK_THROW(view.value_at<char>(a), std::out_of_range);
    }
    BOOST_TEST(!memory_view().get<char>(memory_view().offset_of(base)));
}

BOOST_AUTO_TEST_CASE(the_exception_names_offset_size_and_range) {
    const auto bytes = counting(16);
    BOOST_CHECK_EXCEPTION(memory_view(base, bytes).at<address>(12), std::out_of_range, [](const std::out_of_range& e) {
        BOOST_TEST(e.what() ==
                   "vmio::memory_view: 8 bytes at 0x7fff0000100c are not all among the 16 at 0x7fff00001000");
        return true;
    });
}

BOOST_AUTO_TEST_CASE(a_string_ends_at_its_nul_or_at_the_limit) {
    const auto bytes = of_text(std::string("one\0\0two", 8));
    const memory_view view(base, bytes);
    BOOST_TEST(view.string(0) == "one");
    BOOST_TEST(view.string(1) == "ne");
    BOOST_TEST(view.string(3) == "");
    BOOST_TEST(view.string(0, 2) == "on");
    BOOST_TEST(view.string(0, 3) == "one");
    BOOST_TEST(view.string(0, 0) == "");
    BOOST_TEST(view.string(5, 3) == "two");
    BOOST_TEST(view.string(8, 0) == "");
    BOOST_TEST((view.get_string(0) == "one"));
    BOOST_TEST(static_cast<const void*>(view.string(1).data()) == bytes.data() + 1);
}

BOOST_AUTO_TEST_CASE(a_string_that_does_not_end_in_the_view_is_refused) {
    const auto bytes = of_text("endless");
    const memory_view view(base, bytes);
    for (const std::size_t offset : {std::size_t{0}, std::size_t{7}, std::size_t{8}, SIZE_MAX}) {
        BOOST_TEST(!view.get_string(offset));
        BOOST_TEST(!view.get_string(offset, 8));
        BOOST_CHECK_THROW(view.string(offset), std::out_of_range);
    }
    BOOST_TEST(!memory_view().get_string(0));
    BOOST_TEST(memory_view().string(0, 0) == "");
}

BOOST_AUTO_TEST_CASE(parts_only_shrink) {
    const auto bytes = counting(32);
    const memory_view view(base, bytes);
    const memory_view part = view.part(8, 16);
    BOOST_TEST((part.range() == address_range(base + 8, base + 24)));
    BOOST_TEST((part.at<std::byte>(0) == std::byte{8}));
    BOOST_TEST((part.value_at<std::byte>(base + 23) == std::byte{23}));
    BOOST_CHECK_THROW(part.value_at<std::byte>(base + 7), std::out_of_range);
    BOOST_CHECK_THROW(part.value_at<std::byte>(base + 24), std::out_of_range);
    BOOST_CHECK_THROW(part.part(0, 17), std::out_of_range);
    BOOST_CHECK_THROW(part.part(17, 0), std::out_of_range);
    BOOST_CHECK_THROW(part.part(1, SIZE_MAX), std::out_of_range);
    BOOST_CHECK_THROW(part.part({base, base + 16}), std::out_of_range);
    BOOST_TEST(part.part(16, 0).empty());
    BOOST_TEST((part.part({base + 9, base + 12}).range() == address_range(base + 9, base + 12)));
    BOOST_TEST((view.intersection({base + 30, base + 90}).range() == address_range(base + 30, base + 32)));
    BOOST_TEST((view.intersection({0, top}).range() == view.range()));
    BOOST_TEST(view.intersection({0, base}).empty());
    BOOST_TEST(view.intersection({base + 50, top}).empty());
}

BOOST_AUTO_TEST_CASE(chunks_cover_all_and_know_their_place) {
    const auto bytes = counting(40);
    for (const std::size_t size : {std::size_t{1}, std::size_t{8}, std::size_t{16}, std::size_t{40}, SIZE_MAX}) {
        address at = base;
        for (const memory_view chunk : memory_view(base, bytes).chunks(size)) {
            BOOST_TEST(chunk.start() == at);
            BOOST_TEST(chunk.size() == std::min(size, 40 - static_cast<std::size_t>(at - base)));
            BOOST_TEST((chunk.at<std::byte>(0) == static_cast<std::byte>(at - base)));
            at += chunk.size();
        }
        BOOST_TEST(at == base + 40);
    }
    BOOST_TEST(memory_view().chunks(8).empty());
    BOOST_CHECK_THROW(memory_view(base, bytes).chunks(0), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(words_lie_where_the_target_aligns_them) {
    const auto bytes = counting(32);
    auto firsts = [&](address start, std::size_t size) {
        std::vector<unsigned> found;
        for (const address w : memory_view(start, std::span(bytes).first(size)).words())
            found.push_back(static_cast<unsigned>(w & 0xff));
        return found;
    };
    using list = std::vector<unsigned>;
    BOOST_TEST(firsts(base, 32) == (list{0, 8, 16, 24}), boost::test_tools::per_element());
    BOOST_TEST(firsts(base + 1, 32) == (list{7, 15, 23}), boost::test_tools::per_element());
    BOOST_TEST(firsts(base + 7, 17) == (list{1, 9}), boost::test_tools::per_element());
    BOOST_TEST(firsts(base, 15) == (list{0}), boost::test_tools::per_element());
    for (const std::size_t size : {0u, 1u, 7u}) BOOST_TEST(firsts(base, size).empty());
    BOOST_TEST(firsts(base + 1, 14).empty());
    BOOST_TEST(firsts(top - 7, 7).empty());
    BOOST_TEST(firsts(top - 3, 3).empty());

    const auto narrow = memory_view(base + 2, bytes).words<std::uint32_t>();
    BOOST_TEST(narrow.size() == 7u);
    BOOST_TEST(narrow[6] == 0x1d1c1b1au);
    BOOST_TEST(*memory_view(base, bytes).words<big_uint64_t>().begin() == 0x0001020304050607u);
}

BOOST_AUTO_TEST_CASE(words_that_point_into_ranges_are_counted) {
    const std::vector<address_range> ranges{
        {0x1000, 0x2000}, {0x2000, 0x2000}, {0x5000, 0x6000}, {base, base + 0x1000}};
    const auto bytes = of_words({0, 0xfff, 0x1000, 0x1fff, 0x2000, 0x3000, 0x4fff, 0x5000, 0x5fff, 0x6000, base - 1,
                                 base, base + 0xfff, base + 0x1000, top});
    const memory_view view(base, bytes);
    BOOST_TEST(view.count_pointers(ranges) == 6u);
    BOOST_TEST(view.count_pointers(std::span(ranges).subspan(2, 1)) == 2u);
    BOOST_TEST(view.count_pointers(std::vector<address_range>{}) == 0u);
    BOOST_TEST(view.count_pointers(std::vector<address_range>{{7, 7}}) == 0u);
    BOOST_TEST(view.count_pointers(std::vector<address_range>{{0, top}}) == 14u);
    BOOST_TEST(memory_view().count_pointers(ranges) == 0u);
    // A word that is not aligned where it comes from is no pointer.
    BOOST_TEST(memory_view(base + 4, bytes).count_pointers(ranges) == 0u);
    // Read as 32-bit words, the last two of the six are what base ends in: 0x1000.
    BOOST_TEST(view.count_pointers<std::uint32_t>(ranges) == 6u);
}

BOOST_AUTO_TEST_CASE(mappings_can_be_used_as_ranges) {
    struct mapping {
        address_range range;
        std::string name;
    };
    const std::vector<mapping> map{{{0x1000, 0x2000}, "a"}, {{0x5000, 0x6000}, "b"}};
    const auto bytes = of_words({0x1800, 0x3000, 0x5800, 0x6800});
    BOOST_TEST(memory_view(base, bytes).count_pointers(map) == 2u);
}
