// SPDX-License-Identifier: BSL-1.0
/// Reading many values of a number that is not trusted: a wrong one costs no memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include <vmio/address.hpp>

namespace vmio::detail {

/// Values that can be moved by their bytes into existing objects.
template <class T>
concept readable_value = std::is_trivially_copyable_v<T> && !std::is_const_v<T>;

/// Makes a vector of what read(index, span) gives, in parts that double, so that its size stays in proportion to what
/// has been read.
/// Errors: those of `read`; std::length_error if the values have more bytes than a size can say.
template <readable_value T, class Read>
std::vector<T> read_in_parts(std::size_t count, Read read) {
    constexpr std::size_t first = std::max<std::size_t>((std::size_t{1} << 20) / sizeof(T), 1);
    if (count > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T))
        throw std::length_error("vmio: the values are larger than any memory");
    std::vector<T> values;
    while (values.size() < count) {
        const std::size_t done = values.size();
        values.resize(done + std::min(count - done, std::max(done, first)));
        if (!read(done, std::span(values).subspan(done))) break;
    }
    return values;
}

/// The same from `from` on, by m.read().
template <readable_value T, class M>
std::vector<T> read_values(const M& m, address from, std::size_t count) {
    return read_in_parts<T>(count, [&](std::size_t done, std::span<T> to) {
        m.read(from + done * sizeof(T), std::as_writable_bytes(to));
        return true;
    });
}

}  // namespace vmio::detail
