// SPDX-License-Identifier: BSL-1.0
#include "transfer/huge_buffer.hpp"
#include "support/usage.hpp"

#include <cstdint>
#include <new>

#include <boost/test/unit_test.hpp>

#include <vmio/address.hpp>

using test::resident_bytes;
using vmio::detail::make_huge_buffer;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

}  // namespace

BOOST_AUTO_TEST_CASE(every_byte_of_any_size_can_be_used) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{100}, mebibyte, 2 * mebibyte - 1, 2 * mebibyte,
                                   2 * mebibyte + 1, 5 * mebibyte + 4097}) {
        const auto buffer = make_huge_buffer(size);
        BOOST_TEST(reinterpret_cast<std::uintptr_t>(buffer.get()) % alignof(std::max_align_t) == 0u);
        for (std::size_t i = 0; i < size; i += 64) buffer.get()[i] = std::byte{1};
        buffer.get()[size - 1] = std::byte{2};
        BOOST_TEST((buffer.get()[size - 1] == std::byte{2}));
    }
    BOOST_TEST(make_huge_buffer(0) != nullptr);
}

BOOST_AUTO_TEST_CASE(unused_pages_are_not_present_and_used_ones_are_freed) {
    const std::size_t before = resident_bytes();
    {
        const auto buffer = make_huge_buffer(1024 * mebibyte);
        buffer.get()[0] = std::byte{1};
        BOOST_TEST(resident_bytes() < before + 8 * mebibyte);
        for (std::size_t i = 0; i < 64 * mebibyte; i += vmio::page_size()) buffer.get()[i] = std::byte{1};
        BOOST_TEST(resident_bytes() > before + 60 * mebibyte);
    }
    BOOST_TEST(resident_bytes() < before + 8 * mebibyte + test::shadow_of(64 * mebibyte));
}

BOOST_AUTO_TEST_CASE(a_size_that_cannot_be_had_is_an_exception) {
    BOOST_CHECK_THROW(make_huge_buffer(SIZE_MAX), std::bad_alloc);
    BOOST_CHECK_THROW(make_huge_buffer(SIZE_MAX - 4 * mebibyte), std::bad_alloc);
    BOOST_CHECK_THROW(make_huge_buffer(std::size_t{1} << 60), std::bad_alloc);
}
