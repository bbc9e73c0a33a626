// SPDX-License-Identifier: BSL-1.0
/// The kernel's interface of PROCMAP_QUERY (include/uapi/linux/fs.h since 6.11), which installed headers lack.
#pragma once

#include <cstdint>
#include <string>
#include <system_error>

#include <sys/ioctl.h>

#include <vmio/mapping.hpp>

namespace vmio::detail::procmap {

struct query {
    std::uint64_t size;
    std::uint64_t query_flags;
    std::uint64_t query_addr;
    std::uint64_t vma_start;
    std::uint64_t vma_end;
    std::uint64_t vma_flags;
    std::uint64_t vma_page_size;
    std::uint64_t vma_offset;
    std::uint64_t inode;
    std::uint32_t dev_major;
    std::uint32_t dev_minor;
    std::uint32_t vma_name_size;
    std::uint32_t build_id_size;
    std::uint64_t vma_name_addr;
    std::uint64_t build_id_addr;
};
static_assert(sizeof(query) == 104);

constexpr unsigned long request = _IOWR(0x66, 17, query);
static_assert(request == 0xC0686611);

// Properties of a mapping in vma_flags; filters in query_flags.
constexpr std::uint64_t readable = 0x01;
constexpr std::uint64_t writable = 0x02;
constexpr std::uint64_t executable = 0x04;
constexpr std::uint64_t shared = 0x08;
// In query_flags only.
constexpr std::uint64_t covering_or_next = 0x10;
constexpr std::uint64_t file_backed = 0x20;

inline permissions permissions_of(const query& q) noexcept {
    return {(q.vma_flags & readable) != 0, (q.vma_flags & writable) != 0, (q.vma_flags & executable) != 0,
            (q.vma_flags & shared) != 0};
}

/// Queries `maps`, a descriptor of /proc/PID/maps.
/// Errors: ENOENT, no such mapping; ESRCH, the memory that `maps` was opened on is gone; ENAMETOOLONG, no room for the
/// name or the build id; ENOTTY, the kernel does not have the request, or a seccomp filter or security module refuses
/// it (to this thread, for this target): use the text.
std::error_code ask(int maps, query& q) noexcept;

/// The same with the mapping's name.
/// Errors: also ENAMETOOLONG, the name is longer than a path can be.
std::error_code ask(int maps, query& q, std::string& name);

/// Returns: the mapping found by a query with a name. " (deleted)" is removed from the name.
mapping mapping_of(const query& q, std::string name);

}  // namespace vmio::detail::procmap
