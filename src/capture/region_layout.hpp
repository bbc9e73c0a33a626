// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <vmio/address.hpp>

namespace vmio::detail {

/// The file offsets of regions: in the same order as in memory, adjacent bytes adjacent, each byte at the same offset
/// in its page as in the process, so that any part of a region can be mapped.
///
///     address space    | heap  |     | lib | lib |         | stack |
///     file             | heap  | lib | lib | stack |
class region_layout {
public:
    region_layout() noexcept = default;

    /// Adds a region above the others. Returns: its file offset; none if it exceeds the maximum size of a file.
    std::optional<std::uint64_t> add(const address_range& region);

    std::uint64_t size() const noexcept { return end_; }
    const std::vector<address_range>& regions() const noexcept { return regions_; }

    /// Returns: the file offset of a range; none unless it lies in one region.
    std::optional<std::uint64_t> offset_of(const address_range&) const noexcept;

private:
    std::vector<address_range> regions_;
    std::vector<std::uint64_t> offsets_;
    std::uint64_t end_ = 0;
};

}  // namespace vmio::detail
