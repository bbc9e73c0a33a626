// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// Reads memory of our own, whatever its protection is.
class self_reader {
public:
    /// `readable`: nothing there forbids reading, so the bytes are handed out where they are. memory_error.
    self_reader(const std::byte* start, bool readable);

    /// Valid until the next call. memory_error.
    std::span<const std::byte> get(std::size_t offset, std::size_t size);

private:
    const std::byte* const start_;
    file_descriptor mem_;  // none: readable
    std::vector<std::byte> buffer_;
};

}  // namespace vmio::detail
