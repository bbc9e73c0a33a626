// SPDX-License-Identifier: BSL-1.0
#include "packed/seek_table.hpp"

#include <cstring>
#include <functional>
#include <limits>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/byte_order.hpp"
#include "support/files.hpp"
#include "support/scratch.hpp"

using vmio::detail::frame_start;
using vmio::detail::make_seek_table;
using bytes = std::vector<std::byte>;

namespace {

const std::vector<frame_start> three{{0, 0}, {100, 1000}, {100, 1000}, {150, 3000}};

/// Frames of some bytes, and their table.
bytes file_of(const std::vector<frame_start>& starts) {
    bytes all(static_cast<std::size_t>(starts.back().stored));
    const bytes table = make_seek_table(starts);
    all.insert(all.end(), table.begin(), table.end());
    return all;
}

std::optional<std::vector<frame_start>> read(const bytes& content) {
    const test::scratch_directory directory;
    test::write_file(directory / "file", content);
    return read_seek_table(vmio::detail::input_file(directory / "file", "test"));
}

bool is_refused(const std::function<void(bytes&)>& change) {
    bytes content = file_of(three);
    change(content);
    return !read(content);
}

void put(bytes& content, std::size_t from_end, std::uint32_t value) {
    vmio::detail::put_little_endian(&content[content.size() - from_end], value);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_seek_table_says_what_was_put_into_it) {
    const auto starts = read(file_of(three));
    BOOST_REQUIRE(starts.has_value());
    BOOST_REQUIRE(starts->size() == 4u);
    for (std::size_t i = 0; i < 4; ++i) {
        BOOST_TEST((*starts)[i].stored == three[i].stored);
        BOOST_TEST((*starts)[i].content == three[i].content);
    }
    std::vector<frame_start> many{{0, 0}};
    for (std::uint64_t i = 1; i <= 2000; ++i) many.push_back({3 * i, 5 * i});
    const auto read_back = read(file_of(many));
    BOOST_REQUIRE(read_back.has_value());
    BOOST_TEST(read_back->size() == 2001u);
    BOOST_TEST(read_back->back().content == 10'000u);
}

BOOST_AUTO_TEST_CASE(a_seek_table_has_the_bytes_of_the_published_format) {
    constexpr unsigned char expected[]{0x5e, 0x2a, 0x4d, 0x18, 17, 0, 0, 0, 100,  0,    0,    0,   0xe8,
                                       3,    0,    0,    1,    0,  0, 0, 0, 0xb1, 0xea, 0x92, 0x8f};
    const bytes table = make_seek_table({{0, 0}, {100, 1000}});
    BOOST_REQUIRE(table.size() == sizeof expected);
    BOOST_TEST(std::memcmp(table.data(), expected, sizeof expected) == 0);
}

BOOST_AUTO_TEST_CASE(a_table_with_checksums_is_read) {
    bytes table;
    for (const std::uint32_t word : {0x184d2a5eu, 12u + 9u, 30u, 60u, 0xdeadbeefu, 1u}) {
        table.resize(table.size() + 4);
        put(table, 4, word);
    }
    table.push_back(std::byte{0x80});
    table.resize(table.size() + 4);
    put(table, 4, 0x8f92eab1);
    bytes content(30);
    content.insert(content.end(), table.begin(), table.end());
    const auto starts = read(content);
    BOOST_REQUIRE(starts.has_value());
    BOOST_TEST(starts->back().content == 60u);
}

BOOST_AUTO_TEST_CASE(a_table_that_does_not_fit_its_file_is_none) {
    BOOST_TEST(!is_refused([](bytes&) {}));
    BOOST_TEST(is_refused([](bytes& c) { put(c, 4, 0x8f92eab2); }));
    BOOST_TEST(is_refused([](bytes& c) { c[c.size() - 5] = std::byte{4}; }));  // a reserved bit
    for (const std::uint32_t count : {0u, 2u, 4u, 1000u, std::numeric_limits<std::uint32_t>::max()})
        BOOST_TEST(is_refused([&](bytes& c) { put(c, 9, count); }));
    BOOST_TEST(is_refused([](bytes& c) { put(c, 9 + 8, 49); }));        // a frame of another size
    BOOST_TEST(is_refused([](bytes& c) { put(c, 9 + 4, 1u << 25); }));  // too large to be kept
    BOOST_TEST(is_refused([](bytes& c) { put(c, 9 + 24 + 4, 34); }));   // another size of the table
    BOOST_TEST(is_refused([](bytes& c) { put(c, 9 + 24 + 8, 1); }));    // no frame to be skipped
    BOOST_TEST(is_refused([](bytes& c) { c.erase(c.begin()); }));
    BOOST_TEST(is_refused([](bytes& c) { c.pop_back(); }));
    BOOST_TEST(is_refused([](bytes& c) { c.erase(c.begin(), c.end() - 9); }));
    BOOST_TEST(is_refused([](bytes& c) { c.clear(); }));
}
