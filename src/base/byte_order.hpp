// SPDX-License-Identifier: BSL-1.0
/// Integers in files, of either byte order, unaligned.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>

#include <boost/endian/conversion.hpp>

namespace vmio::detail {

/// Precondition: sizeof(T) bytes at `from`.
template <std::integral T>
T get_integer(const std::byte* from, std::endian order) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return order == std::endian::native ? value : boost::endian::endian_reverse(value);
}

/// Converts the members of a structure that was read as it is in the file.
template <std::integral... Members>
void to_native(std::endian order, Members&... members) noexcept {
    if (order != std::endian::native) (boost::endian::endian_reverse_inplace(members), ...);
}

/// Our own formats are little-endian.
/// @{
/// Precondition: sizeof(T) bytes at `from`.
template <std::unsigned_integral T>
T get_little_endian(const std::byte* from) noexcept {
    return get_integer<T>(from, std::endian::little);
}

/// Precondition: sizeof(T) bytes at `to`.
template <std::unsigned_integral T>
void put_little_endian(std::byte* to, T value) noexcept {
    boost::endian::native_to_little_inplace(value);
    std::memcpy(to, &value, sizeof value);
}
/// @}

}  // namespace vmio::detail
