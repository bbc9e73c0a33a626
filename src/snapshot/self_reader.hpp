// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// Reads memory of this process, regardless of its protection.
class self_reader {
public:
    /// `readable`: no protection forbids reading, so get() returns the bytes in place. Errors: memory_error.
    self_reader(const std::byte* start, bool readable);

    /// Returns: the bytes; valid until the next call. Errors: memory_error.
    std::span<const std::byte> get(std::size_t offset, std::size_t size);

private:
    const std::byte* const start_;
    file_descriptor mem_;  // not open if readable
    std::vector<std::byte> buffer_;
};

}  // namespace vmio::detail
