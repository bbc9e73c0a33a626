// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/snapshot.hpp>

#include "support/pages.hpp"

namespace test {

/// pattern(seed), pattern(seed + 1) ...
inline std::vector<std::byte> pattern_bytes(std::size_t size, vmio::address seed = 0) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = pattern(seed + i);
    return bytes;
}

inline bool equal(std::span<const std::byte> a, std::span<const std::byte> b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

/// Of a new view.
inline std::vector<std::byte> bytes_of(const vmio::snapshot& s) {
    const vmio::cow_view view = s.view();
    return {view.bytes().begin(), view.bytes().end()};
}

}  // namespace test
