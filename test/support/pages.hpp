// SPDX-License-Identifier: BSL-1.0
/// Memory to look at, with holes where a test wants them.
#pragma once

#include <cstddef>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vmio/address.hpp>

#include "processes/child.hpp"
#include "support/apart.hpp"

namespace test {

using vmio::address_of;

/// The byte at an address: a function of the address alone, so that a byte from a wrong place is seen; from 0x80 to
/// 0xbf, so that what a test writes over it (letters, small numbers, 0xee) differs from it wherever its pages lie.
inline std::byte pattern(vmio::address a) {
    a *= 0x9e3779b97f4a7c15ULL;
    a = (a ^ a >> 32) * 0x9e3779b97f4a7c15ULL;  // or else sequences come again
    return static_cast<std::byte>(0x80 | a >> 58);
}

inline bool is_pattern(vmio::address start, std::span<const std::byte> bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        if (bytes[i] != pattern(start + i)) return false;
    return true;
}

inline bool all_equal(std::span<const std::byte> bytes, std::byte value) {
    for (const std::byte b : bytes)
        if (b != value) return false;
    return true;
}

/// Private anonymous pages that hold the pattern, a mapping of their own.
class pages {
public:
    explicit pages(std::size_t count)
        : data_(map_apart(count * vmio::page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS)),
          size_(count * vmio::page_size()) {
        for (std::size_t i = 0; i < size_; ++i) data_[i] = pattern(start() + i);
    }
    pages(const pages&) = delete;
    pages& operator=(const pages&) = delete;
    pages(pages&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
    ~pages() {
        if (data_ != nullptr) unmap_apart(data_, size_);
    }

    std::byte* data() const { return data_; }
    char* chars() const { return reinterpret_cast<char*>(data_); }
    std::size_t size() const { return size_; }
    vmio::address start() const { return address_of(data_); }
    vmio::address_range range() const { return vmio::address_range::of_size(start(), size_); }
    vmio::address page(std::size_t i) const { return start() + i * vmio::page_size(); }
    std::span<std::byte> bytes() const { return {data_, size_}; }

    void protect(std::size_t page, int protection, std::size_t count = 1) {
        must(::mprotect(data_ + page * vmio::page_size(), count * vmio::page_size(), protection) == 0, "mprotect");
    }
    /// A page that nobody may read: to another process the same as one that is not mapped, but nothing else moves in.
    void make_hole(std::size_t page) { protect(page, PROT_NONE); }

private:
    std::byte* data_;
    std::size_t size_;
};

/// What process `id` has at `start`, by another way than the library's.
inline std::vector<std::byte> peek(pid_t id, vmio::address start, std::size_t size) {
    const int fd = ::open(("/proc/" + std::to_string(id) + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
    must(fd >= 0, "open mem");
    std::vector<std::byte> bytes(size);
    must(::pread(fd, bytes.data(), size, static_cast<off_t>(start)) == static_cast<ssize_t>(size), "pread");
    ::close(fd);
    return bytes;
}

}  // namespace test
