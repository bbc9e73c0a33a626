// SPDX-License-Identifier: BSL-1.0
/// Transfers of all bytes, and of single values, by read_some() and write_some() of any memory.
#pragma once

#include <cerrno>
#include <cstddef>
#include <span>
#include <system_error>
#include <type_traits>

#include <vmio/address.hpp>
#include <vmio/detail/memory_naming.hpp>
#include <vmio/error.hpp>
#include <vmio/memory.hpp>

namespace vmio::detail {

/// Moves `size` bytes by move(offset, ec), which moves a part of them and returns its size.
/// Errors: memory_error, whose where() is the first byte that was not moved.
template <class M, class Move>
void move_all(const M& m, const char* (*operation)(const M&) noexcept, address where, std::size_t size, Move move) {
    for (std::size_t done = 0; done < size;) {
        std::error_code ec;
        const std::size_t step = move(done, ec);
        done += step;
        if (step == 0)  // a memory that gives no reason is no reason to try for ever
            throw memory_error(operation(m), process_id_of(m), where + done,
                               ec ? ec : std::error_code(EFAULT, std::system_category()));
    }
}

/// Reads all bytes of `to`.
template <class M>
requires memory_reader<const M>
void read_all(const M& m, address from, std::span<std::byte> to) {
    move_all(m, read_operation_of<M>, from, to.size(),
             [&](std::size_t done, std::error_code& ec) { return m.read_some(from + done, to.subspan(done), ec); });
}

/// Writes all bytes of `from`.
template <class M>
requires memory_writer<const M>
void write_all(const M& m, address to, std::span<const std::byte> from) {
    move_all(m, write_operation_of<M>, to, from.size(),
             [&](std::size_t done, std::error_code& ec) { return m.write_some(to + done, from.subspan(done), ec); });
}

/// Reads a value by m.read().
template <class T, class M>
T read_value(const M& m, address from) {
    static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be moved");
    alignas(T) std::byte bytes[sizeof(T)];
    m.read(from, bytes);
    return __builtin_bit_cast(T, bytes);
}

/// Writes a value by m.write().
template <class T, class M>
void write_value(const M& m, address to, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be moved");
    m.write(to, std::as_bytes(std::span<const T, 1>(&value, 1)));
}

}  // namespace vmio::detail
