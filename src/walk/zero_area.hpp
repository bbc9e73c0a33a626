// SPDX-License-Identifier: BSL-1.0
/// Zeros that take no memory, for the bytes of runs that hold no data.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace vmio::detail {

/// Address space that reads as zeros and cannot be written. All that exist at one time share it.
class zero_area {
public:
    static constexpr std::size_t most = std::size_t{1} << 30;

    /// Has no bytes where this process has not so much address space left (RLIMIT_AS).
    static zero_area open();

    /// Has none.
    zero_area() noexcept = default;

    std::span<const std::byte> bytes() const noexcept { return {start_.get(), start_ ? most : 0}; }

private:
    std::shared_ptr<const std::byte> start_;
};

}  // namespace vmio::detail
