// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <vmio/address.hpp>

namespace vmio::detail {

/// Where the bytes of regions lie in a file: in their order, neighbouring bytes next to each other, each in its page
/// where it was in the process. So any part of a region can be mapped.
///
///     address space    | heap  |     | lib | lib |         | stack |
///     file             | heap  | lib | lib | stack |
class region_layout {
public:
    region_layout() noexcept = default;

    /// Adds a region above the others and returns where it begins; none if no file is as large.
    std::optional<std::uint64_t> add(const address_range& region);

    std::uint64_t size() const noexcept { return end_; }
    const std::vector<address_range>& regions() const noexcept { return regions_; }

    /// None if it does not lie in one region.
    std::optional<std::uint64_t> offset_of(const address_range&) const noexcept;

private:
    std::vector<address_range> regions_;
    std::vector<std::uint64_t> offsets_;
    std::uint64_t end_ = 0;
};

}  // namespace vmio::detail
