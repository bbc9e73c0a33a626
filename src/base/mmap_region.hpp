// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <sys/mman.h>

#include <vmio/address.hpp>
#include <vmio/error.hpp>

#include "base/system_error.hpp"

namespace vmio::detail {

/// Owns a mapping of `size` bytes of a file; no mapping for a size of 0. Empty after a move.
class mmap_region {
public:
    mmap_region() noexcept = default;

    /// Maps the bytes. Private mappings of any size do not count as committed memory (MAP_NORESERVE).
    /// Errors: memory_error of mmap(2).
    mmap_region(int fd, std::size_t size, int protection, int flags, std::uint64_t offset = 0) : size_(size) {
        if (size == 0) return;
        void* const p = ::mmap(nullptr, size, protection, flags | MAP_NORESERVE, fd, static_cast<off_t>(offset));
        if (p == MAP_FAILED) throw memory_error("mmap of a snapshot", 0, 0, last_system_error());
        data_ = static_cast<std::byte*>(p);
    }
    mmap_region(mmap_region&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    mmap_region& operator=(mmap_region&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~mmap_region() {
        if (data_ != nullptr) ::munmap(data_, size_);
    }

    std::byte* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

    /// Releases ownership; the bytes stay mapped.
    void release() noexcept { data_ = nullptr; }

private:
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace vmio::detail
