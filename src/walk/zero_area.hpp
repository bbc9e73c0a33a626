// SPDX-License-Identifier: BSL-1.0
/// The bytes of runs that hold no data: zeros that take no memory.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace vmio::detail {

/// A mapping that reads as zeros and cannot be written. Objects that exist at the same time share it.
class zero_area {
public:
    static constexpr std::size_t most = std::size_t{1} << 30;

    /// Returns an area without bytes if this process has not so much address space left (RLIMIT_AS).
    static zero_area open();

    /// Has no bytes.
    zero_area() noexcept = default;

    std::span<const std::byte> bytes() const noexcept { return {start_.get(), start_ ? most : 0}; }

private:
    std::shared_ptr<const std::byte> start_;
};

}  // namespace vmio::detail
