// SPDX-License-Identifier: BSL-1.0
/// Values and strings of streams: one, many, of another byte order, and with a wrong number.
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/endian/arithmetic.hpp>
#include <boost/endian/buffers.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/memory_device.hpp>
#include <vmio/memory_stream.hpp>
#include <vmio/process_vm_stream.hpp>

#include "support/fake_memory.hpp"
#include "support/pages.hpp"

using test::fake_memory;
using vmio::address;
using vmio::memory_istream;

namespace {

constexpr address base = 0x10000;
constexpr std::size_t buffer_sizes[]{0, 1, 7, 65536};

fake_memory numbered(std::size_t size) {
    fake_memory memory(base, size);
    for (std::size_t i = 0; i < size; ++i) memory->bytes[i] = static_cast<std::byte>(i + 1);
    return memory;
}

fake_memory with_text(const std::string& text) {
    fake_memory memory(base, text.size());
    std::memcpy(memory->bytes.data(), text.data(), text.size());
    return memory;
}

std::streamoff position_in(std::istream& s) {
    return s.tellg() - static_cast<std::streamoff>(base);
}

}  // namespace

BOOST_AUTO_TEST_CASE(many_values_are_read_like_one_after_the_other) {
    for (const std::size_t size : buffer_sizes) {
        memory_istream<fake_memory> one(numbered(100), base, size);
        memory_istream<fake_memory> many(numbered(100), base, size);
        std::uint32_t values[5]{};
        BOOST_TEST(many.read_values(std::span(values)) == 5u);
        BOOST_TEST(many.gcount() == 20);
        for (const std::uint32_t v : values) BOOST_TEST(v == one.read_value<std::uint32_t>());
        const std::vector<std::uint16_t> more = many.read_values<std::uint16_t>(3);
        BOOST_REQUIRE(more.size() == 3u);
        for (const std::uint16_t v : more) BOOST_TEST(v == one.read_value<std::uint16_t>());
        BOOST_TEST(position_in(many) == 26);
        std::vector<std::byte> none;
        BOOST_TEST(many.read_values(std::span(none)) == 0u);
        BOOST_TEST(many.good());
    }
}

BOOST_AUTO_TEST_CASE(values_behind_the_end_are_zeros_and_not_counted) {
    for (const std::size_t size : buffer_sizes) {
        memory_istream<fake_memory> s(numbered(11), base, size);
        std::array<std::uint32_t, 4> values;
        values.fill(0xffffffff);
        BOOST_TEST(s.read_values(std::span(values)) == 2u);
        BOOST_TEST(s.gcount() == 11);
        BOOST_TEST((s.eof() && s.fail() && !s.bad()));
        BOOST_TEST((values[1] != 0 && values[2] == 0 && values[3] == 0));
        s.clear();
        s.seekg(static_cast<std::streamoff>(base));
        BOOST_TEST(s.read_values<std::uint32_t>(4).size() == 2u);
        BOOST_TEST((s.eof() && s.fail()));
        BOOST_TEST(s.read_values<std::uint32_t>(4).empty());
    }
}

BOOST_AUTO_TEST_CASE(a_wrong_number_of_values_costs_no_memory) {
    constexpr std::size_t many = std::numeric_limits<std::size_t>::max();
    memory_istream<fake_memory> s(numbered(100), base);
    BOOST_TEST(s.read_values<std::uint64_t>(many / 64).size() == 12u);
    s.clear();
    BOOST_CHECK_THROW(s.read_values<std::uint64_t>(many), std::length_error);
    BOOST_CHECK_THROW(s.read_values<std::byte>(many), std::length_error);
    BOOST_TEST(s.good());
}

BOOST_AUTO_TEST_CASE(values_of_the_other_byte_order_are_types_of_boost_endian) {
    memory_istream<fake_memory> s(numbered(100), base);
    BOOST_TEST(s.read_value<boost::endian::big_uint32_t>() == 0x01020304u);
    BOOST_TEST(s.read_value<boost::endian::little_uint32_t>() == 0x08070605u);
    BOOST_TEST(s.read_value<boost::endian::big_uint16_buf_t>().value() == 0x090au);
    const auto values = s.read_values<boost::endian::big_uint16_t>(2);
    BOOST_TEST((values[0] == 0x0b0cu && values[1] == 0x0d0eu));
    boost::endian::big_uint24_t three[2];
    s.read_values(std::span(three));
    BOOST_TEST((three[0] == 0x0f1011u && three[1] == 0x121314u));
}

BOOST_AUTO_TEST_CASE(a_read_gives_the_same_from_the_buffer_and_from_the_device) {
    for (const std::size_t size : buffer_sizes) {
        memory_istream<fake_memory> s(numbered(100), base, size);
        std::istream& plain = s;
        char here[9]{};
        char there[9]{};
        for (const std::streamsize n : {8, 1, 0, 9, 3}) {
            s.seekg(static_cast<std::streamoff>(base + 5));
            plain.read(there, n);
            BOOST_TEST(s.gcount() == n);
            s.seekg(static_cast<std::streamoff>(base + 5));
            BOOST_TEST((&s.read(here, 0) == &plain));
            BOOST_TEST(s.gcount() == 0);
            s.read(here, n);
            BOOST_TEST(s.gcount() == n);
            BOOST_TEST(std::memcmp(here, there, sizeof here) == 0);
        }
        s.seekg(static_cast<std::streamoff>(base + 96));
        BOOST_TEST(!s.read(here, 8));
        BOOST_TEST(s.gcount() == 4);
        BOOST_TEST(s.eof());
        BOOST_TEST(!s.read(here, 0));
    }
}

BOOST_AUTO_TEST_CASE(a_string_is_read_up_to_its_nul_and_the_position_is_behind_it) {
    using namespace std::string_literals;
    const std::string long_one(10'000, 'x');
    for (const std::size_t size : buffer_sizes) {
        memory_istream<fake_memory> s(with_text("one\0\0  two\0"s + long_one + "\0end"s), base, size);
        BOOST_TEST(s.read_string(100) == "one");
        BOOST_TEST(position_in(s) == 4);
        BOOST_TEST(s.read_string(100).empty());
        BOOST_TEST(s.read_string(3) == "  t");
        BOOST_TEST(s.read_string(0).empty());
        BOOST_TEST(s.read_string(2) == "wo");
        BOOST_TEST(s.read_string(2).empty());  // the NUL
        BOOST_TEST((s.read_string(SIZE_MAX) == long_one));
        BOOST_TEST(s.good());
        BOOST_TEST(s.read_string(3) == "end");
        BOOST_TEST(s.good());
        BOOST_TEST(s.read_string(3).empty());
        BOOST_TEST(s.fail());
        BOOST_TEST(s.read_string(3).empty());
    }
}

BOOST_AUTO_TEST_CASE(a_string_that_ends_with_the_memory_is_what_is_left_and_fails) {
    for (const std::size_t size : buffer_sizes) {
        memory_istream<fake_memory> s(with_text("never ends"), base, size);
        BOOST_TEST(s.read_string(100) == "never ends");
        BOOST_TEST((s.eof() && s.fail()));
        BOOST_TEST(!s.bad());
        s.clear();
        s.seekg(static_cast<std::streamoff>(base + 1000));
        BOOST_TEST(s.read_string(100).empty());
        BOOST_TEST(s.bad());
        s.clear();
        s.exceptions(std::ios_base::badbit);
        s.seekg(static_cast<std::streamoff>(base + 1000));
        BOOST_CHECK_THROW(s.read_string(100), vmio::memory_error);
    }
    vmio::process_vm_istream closed;
    BOOST_TEST(closed.read_string(100).empty());
    BOOST_TEST(closed.fail());
}

BOOST_AUTO_TEST_CASE(a_string_of_a_process_runs_across_pages_to_a_hole) {
    const std::size_t page = vmio::page_size();
    test::pages some(3);
    std::memset(some.data(), 'x', 2 * page);
    some.data()[page + 10] = std::byte{0};
    some.make_hole(2);
    vmio::process_vm_stream s(::getpid(), some.start());
    BOOST_TEST((s.read_string(SIZE_MAX) == std::string(page + 10, 'x')));
    BOOST_TEST((s.read_string(SIZE_MAX) == std::string(page - 11, 'x')));
    BOOST_TEST((s.eof() && s.fail() && !s.bad()));
}
