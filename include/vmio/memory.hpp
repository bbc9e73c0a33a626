// SPDX-License-Identifier: BSL-1.0
/// The concepts of a memory: a process, a cache over one, a frozen process, a test's fake.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <system_error>

#include <vmio/address.hpp>

namespace vmio {

/// A memory that can be read: `read_some(where, to, ec)`, which must be noexcept, moves a prefix of `to` and returns
/// its size in bytes. A short count means that it had to stop there; it is no error and clears `ec`. 0 for a `to` that
/// is not empty sets `ec`: not even the first byte could be moved. An empty `to` gives 0 and no error.
template <class M>
concept memory_reader = requires(M& m, address where, std::span<std::byte> to, std::error_code& ec) {
    { m.read_some(where, to, ec) }
    noexcept->std::convertible_to<std::size_t>;
};

/// A memory that can be written: `write_some(where, from, ec)`, noexcept, with the same rules.
template <class M>
concept memory_writer = requires(M& m, address where, std::span<const std::byte> from, std::error_code& ec) {
    { m.write_some(where, from, ec) }
    noexcept->std::convertible_to<std::size_t>;
};

}  // namespace vmio
