// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

namespace vmio::detail {

/// Whether all of them are zero; there must be one at least.
inline bool is_zero(std::span<const std::byte> bytes) noexcept {
    return bytes.front() == std::byte{} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace vmio::detail
