// SPDX-License-Identifier: BSL-1.0
/// Type-erased memory_reader, for functions that are compiled once for all memories.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <system_error>

#include <vmio/memory.hpp>

namespace vmio::detail {

/// Reference to read_some() of a memory_reader.
using read_function = std::function<std::size_t(address where, std::span<std::byte> to, std::error_code& ec)>;

/// Reads from `m`, which must outlive the result.
template <memory_reader M>
read_function reading_from(M& m) {
    return [&m](address where, std::span<std::byte> to, std::error_code& ec) { return m.read_some(where, to, ec); };
}

}  // namespace vmio::detail
