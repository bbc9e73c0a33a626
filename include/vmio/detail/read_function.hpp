// SPDX-License-Identifier: BSL-1.0
/// A memory_reader behind one type, for functions that are compiled once for all memories.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <system_error>

#include <vmio/memory.hpp>

namespace vmio::detail {

/// read_some() of some memory_reader.
using read_function = std::function<std::size_t(address where, std::span<std::byte> to, std::error_code& ec)>;

/// Reads from `m`, which must outlive the result.
template <memory_reader M>
read_function reading_from(M& m) {
    return [&m](address where, std::span<std::byte> to, std::error_code& ec) { return m.read_some(where, to, ec); };
}

}  // namespace vmio::detail
