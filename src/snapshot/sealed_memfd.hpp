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

#include "base/file_descriptor.hpp"
#include "base/mmap_region.hpp"

namespace vmio::detail {

/// A memfd of `size` zeros, to be filled; not sealed yet. memory_error.
file_descriptor new_memfd(std::uint64_t size);

/// Changes its size. memory_error: EFBIG past RLIMIT_FSIZE, which holds for memfds too.
void resize(int fd, std::uint64_t size);

/// All of it, or memory_error.
void write_all(int fd, std::uint64_t offset, std::span<const std::byte> bytes);

/// Makes so many bytes zero, which take no room then; whole pages. memory_error.
void make_hole(int fd, std::uint64_t offset, std::uint64_t size);

/// The parts of `size` bytes of `fd`, from `start` on, that are not holes; the whole where it cannot tell. Their
/// offsets count from `start`.
std::vector<address_range> data_extents(int fd, std::uint64_t size, std::uint64_t start = 0);

/// A memfd that cannot shrink or grow, nor be written to but through the mapping that it was made with. All members
/// are thread-safe.
class sealed_memfd {
public:
    /// Seals it against everything.
    sealed_memfd(file_descriptor filled, std::size_t size);

    /// Seals it against new writers only: `writer`, a shared mapping, can go on until freeze().
    sealed_memfd(file_descriptor filled, const mmap_region& writer);

    /// A part of another one, whose descriptor it shares: whole pages that lie inside.
    sealed_memfd(std::shared_ptr<const sealed_memfd> whole, std::uint64_t offset, std::size_t size)
        : whole_(std::move(whole)), offset_(offset), size_(size) {}

    /// Seals it against writing, after the mapping has gone. False if somebody still can write.
    bool freeze() const noexcept;

    int descriptor() const noexcept { return whole_ ? whole_->descriptor() : file_.get(); }
    /// Where it begins in the file of that descriptor.
    std::uint64_t offset() const noexcept { return offset_; }
    std::size_t size() const noexcept { return size_; }
    std::uint64_t memory_used() const noexcept;
    std::vector<address_range> data() const { return data_extents(descriptor(), size_, offset_); }

    /// Up to the end; 0 with EFAULT from there on.
    std::size_t read_some(std::uint64_t offset, std::span<std::byte> to, std::error_code& ec) const noexcept;

    /// All of it for reading: mapped when first asked for. memory_error.
    const std::byte* bytes() const;

private:
    file_descriptor file_;
    std::shared_ptr<const sealed_memfd> whole_;  // of a part, which has no file of its own
    std::uint64_t offset_ = 0;
    std::size_t size_;
    mutable std::once_flag once_;
    mutable mmap_region mapped_;
};

}  // namespace vmio::detail
