// SPDX-License-Identifier: BSL-1.0
/// Bytes in a sealed memfd.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <system_error>
#include <vector>

#include "extent.hpp"
#include "file_descriptor.hpp"
#include "mapped_bytes.hpp"

namespace vmio {

/// A memfd of `size` zeros, to be filled; not sealed yet. memory_error.
file_descriptor new_memory_file(std::uint64_t size);

/// All of it, or memory_error.
void write_all(int fd, std::uint64_t offset, std::span<const std::byte> bytes);

/// The parts of `fd`, a file of `size` bytes, that are not holes; the whole where it cannot tell.
std::vector<extent> data_extents(int fd, std::uint64_t size);

/// A memfd that cannot shrink or grow, nor be written to but through the mapping that it was made with. All members
/// are thread-safe.
class memory_file {
public:
    /// Seals it against everything.
    memory_file(file_descriptor filled, std::size_t size);

    /// Seals it against new writers only: `writer`, a shared mapping, can go on until freeze().
    memory_file(file_descriptor filled, const mapped_bytes& writer);

    /// Seals it against writing, after the mapping has gone. False if somebody still can write.
    bool freeze() const noexcept;

    int descriptor() const noexcept { return file_.get(); }
    std::size_t size() const noexcept { return size_; }
    std::uint64_t memory_used() const noexcept;
    std::vector<extent> data() const { return data_extents(file_.get(), size_); }

    /// Up to the end; 0 with EFAULT from there on.
    std::size_t read_some(std::uint64_t offset, std::span<std::byte> to, std::error_code& ec) const noexcept;

    /// All of it for reading: mapped when first asked for. memory_error.
    const std::byte* bytes() const;

private:
    file_descriptor file_;
    std::size_t size_;
    mutable std::once_flag once_;
    mutable mapped_bytes mapped_;
};

}  // namespace vmio
