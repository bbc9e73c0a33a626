// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

#include <sys/mman.h>

#include <vmio/address.hpp>

#include "processes/child.hpp"

namespace test {

/// mmap(2) between two pages that nobody may read. The kernel would make one mapping of these pages and of what another
/// part of this program, an allocator for one, has put beside them. A page that is written becomes present and no huge
/// page around it, wherever those are given without being asked for.
inline std::byte* map_apart(std::size_t size, int protection, int flags, int file = -1) {
    const std::size_t page = vmio::page_size();
    constexpr int reserved = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* const room = ::mmap(nullptr, size + 2 * page, PROT_NONE, reserved, -1, 0);
    must(room != MAP_FAILED, "mmap");
    void* const inside = static_cast<std::byte*>(room) + page;
    must(::mmap(inside, size, protection, flags | MAP_FIXED, file, 0) == inside, "mmap");
    ::madvise(inside, size, MADV_NOHUGEPAGE);  // refused by a kernel that has none
    return static_cast<std::byte*>(inside);
}

inline void unmap_apart(void* start, std::size_t size) {
    const std::size_t page = vmio::page_size();
    ::munmap(static_cast<std::byte*>(start) - page, size + 2 * page);
}

}  // namespace test
