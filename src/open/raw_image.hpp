// SPDX-License-Identifier: BSL-1.0
/// The bytes of a file as a memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include <vmio/address.hpp>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// A regular file whose first byte has the address `start`. A memory_reader; copies share the descriptor.
class raw_image {
public:
    /// Errors: file_error: those of open(2); EINVAL for anything but a regular file; EOVERFLOW if its end would lie
    /// above the last address.
    raw_image(const std::filesystem::path& path, address start);

    /// Errors: EFAULT outside of the file; EIO if it has become shorter; those of pread(2).
    std::size_t read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept;
    static const char* read_operation() noexcept { return "read of a memory image"; }

    const std::vector<address_range>& ranges() const noexcept { return ranges_; }

private:
    std::shared_ptr<const file_descriptor> file_;
    std::vector<address_range> ranges_;  // one, or none for an empty file
    address start_;
};

}  // namespace vmio::detail
