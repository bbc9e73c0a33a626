// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <vector>

namespace vmio::detail {

/// A part of a file that holds data.
struct extent {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;

    std::uint64_t end() const noexcept { return offset + size; }
    friend bool operator==(const extent&, const extent&) noexcept = default;
};

/// Both lists as one; each is sorted and without overlap, and so is the result. What touches is joined.
std::vector<extent> united(const std::vector<extent>& a, const std::vector<extent>& b);

}  // namespace vmio::detail
