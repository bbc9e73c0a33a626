// SPDX-License-Identifier: BSL-1.0
/// Bytes in a sealed memfd.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <system_error>
#include <vector>

#include <vmio/address.hpp>

#include "base/data_extents.hpp"
#include "base/file_descriptor.hpp"
#include "base/mmap_region.hpp"

namespace vmio::detail {

/// Returns: a memfd of `size` zeros, to be filled and not sealed yet. Errors: memory_error.
file_descriptor new_memfd(std::uint64_t size);

/// Changes the size of a memfd. Errors: memory_error: EFBIG past RLIMIT_FSIZE, which also applies to memfds.
void resize(int fd, std::uint64_t size);

/// Writes all bytes. Errors: memory_error.
void write_all(int fd, std::uint64_t offset, std::span<const std::byte> bytes);

/// Makes `size` bytes a hole: zeros that take no memory. Precondition: whole pages. Errors: memory_error.
void make_hole(int fd, std::uint64_t offset, std::uint64_t size);

/// A memfd that cannot shrink or grow. It can be written to only through the mapping that it was made with, if any. All
/// members are thread-safe.
class sealed_memfd {
public:
    /// Seals the file against all changes.
    sealed_memfd(file_descriptor filled, std::size_t size);

    /// Seals the file against new writers only: `writer`, a shared mapping, can be written to until freeze().
    sealed_memfd(file_descriptor filled, const mmap_region& writer);

    /// A part of `whole` that shares its descriptor. Precondition: whole pages inside it.
    sealed_memfd(std::shared_ptr<const sealed_memfd> whole, std::uint64_t offset, std::size_t size)
        : whole_(std::move(whole)), offset_(offset), size_(size) {}

    /// Seals the file against writing. Precondition: the writer was unmapped. Returns: false if a writer remains.
    bool freeze() const noexcept;

    int descriptor() const noexcept { return whole_ ? whole_->descriptor() : file_.get(); }
    /// Returns: the offset of the first byte in the file of descriptor().
    std::uint64_t offset() const noexcept { return offset_; }
    std::size_t size() const noexcept { return size_; }
    std::uint64_t memory_used() const noexcept;
    std::vector<address_range> data() const { return data_extents(descriptor(), size_, offset_); }

    /// Reads at most to the end. Errors: EFAULT from size() on.
    std::size_t read_some(std::uint64_t offset, std::span<std::byte> to, std::error_code& ec) const noexcept;

    /// Returns: all bytes, read-only; mapped by the first call. Errors: memory_error.
    const std::byte* bytes() const;

private:
    file_descriptor file_;
    std::shared_ptr<const sealed_memfd> whole_;  // set for a part, which has no file_
    std::uint64_t offset_ = 0;
    std::size_t size_;
    mutable std::once_flag once_;
    mutable mmap_region mapped_;
};

}  // namespace vmio::detail
