// SPDX-License-Identifier: BSL-1.0
/// What "a memory" is: a process, a cache over one, a frozen process, a test's fake.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <span>
#include <system_error>

#include <sys/types.h>

#include <vmio/address.hpp>

namespace vmio {

/// read_some(where, to, ec) moves a prefix of `to` and returns how many bytes that is, up to where it had to stop; a
/// short count is no error and clears ec. If not even the first byte could be moved it returns 0 and sets ec. It does
/// not throw. An empty `to` gives 0 and no error.
template <class M>
concept memory_reader = requires(M& m, address where, std::span<std::byte> to, std::error_code& ec) {
    { m.read_some(where, to, ec) } -> std::convertible_to<std::size_t>;
};

/// The same in the other direction: write_some(where, from, ec).
template <class M>
concept memory_writer = requires(M& m, address where, std::span<const std::byte> from, std::error_code& ec) {
    { m.write_some(where, from, ec) } -> std::convertible_to<std::size_t>;
};

/// A memory_reader whose type does not matter.
using read_function = std::function<std::size_t(address where, std::span<std::byte> to, std::error_code& ec)>;

/// Reads from `m`, which must outlive it.
template <memory_reader M>
read_function reading_from(M& m) {
    return [&m](address where, std::span<std::byte> to, std::error_code& ec) { return m.read_some(where, to, ec); };
}

/// What an error about a memory should name. A memory may say it itself with process_id(), read_operation() and
/// write_operation().
namespace naming {

/// What `m` says of itself; else 0, "read" and "write".
/// @{
template <class M>
pid_t process_id(const M& m) noexcept {
    if constexpr (requires { m.process_id(); })
        return m.process_id();
    else
        return 0;
}

template <class M>
const char* read_operation(const M& m) noexcept {
    if constexpr (requires { m.read_operation(); })
        return m.read_operation();
    else
        return "read";
}

template <class M>
const char* write_operation(const M& m) noexcept {
    if constexpr (requires { m.write_operation(); })
        return m.write_operation();
    else
        return "write";
}
/// @}

}  // namespace naming
}  // namespace vmio
