// SPDX-License-Identifier: BSL-1.0
/// Integers of our file formats: little-endian, unaligned.
#pragma once

#include <concepts>
#include <cstddef>

namespace vmio::detail {

/// Precondition: sizeof(T) bytes at `to`.
template <std::unsigned_integral T>
void put_little_endian(std::byte* to, T value) noexcept {
    for (std::size_t i = 0; i < sizeof value; ++i) to[i] = static_cast<std::byte>(value >> 8 * i);
}

/// Precondition: sizeof(T) bytes at `from`.
template <std::unsigned_integral T>
T get_little_endian(const std::byte* from) noexcept {
    T value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) value |= static_cast<T>(static_cast<T>(from[i]) << 8 * i);
    return value;
}

}  // namespace vmio::detail
