// SPDX-License-Identifier: BSL-1.0
/// The kernel's interface of PAGEMAP_SCAN (include/uapi/linux/fs.h since 6.7) and of the entries of /proc/PID/pagemap,
/// which installed headers lack.
#pragma once

#include <cstdint>

#include <sys/ioctl.h>

namespace vmio::detail::pagemap {

struct region {
    std::uint64_t start;
    std::uint64_t end;
    std::uint64_t categories;
};
static_assert(sizeof(region) == 24);

struct scan {
    std::uint64_t size;
    std::uint64_t flags;
    std::uint64_t start;
    std::uint64_t end;
    std::uint64_t walk_end;  // out: where the next call has to start
    std::uint64_t vec;
    std::uint64_t vec_len;
    std::uint64_t max_pages;
    std::uint64_t category_inverted;
    std::uint64_t category_mask;
    std::uint64_t category_anyof_mask;
    std::uint64_t return_mask;
};
static_assert(sizeof(scan) == 96);

constexpr unsigned long request = _IOWR(0x66, 16, scan);
static_assert(request == 0xC0606610);

// Flags of a scan.
constexpr std::uint64_t protect_matching = 1;   // in the same step as the page is reported
constexpr std::uint64_t check_protectable = 2;  // EPERM at memory that is not registered for is_written

// Categories of a page.
constexpr std::uint64_t is_protectable = 0x001;  // registered with a userfaultfd of the asynchronous kind
constexpr std::uint64_t is_written = 0x002;      // not write-protected
constexpr std::uint64_t is_file = 0x004;
constexpr std::uint64_t is_present = 0x008;
constexpr std::uint64_t is_swapped = 0x010;
constexpr std::uint64_t is_zero_page = 0x020;
constexpr std::uint64_t is_huge = 0x040;
constexpr std::uint64_t is_guard = 0x100;  // since 6.15

// Bits of an entry of the file, which has 64 for each page.
constexpr std::uint64_t entry_present = std::uint64_t{1} << 63;
constexpr std::uint64_t entry_swapped = std::uint64_t{1} << 62;
constexpr std::uint64_t entry_file = std::uint64_t{1} << 61;
constexpr std::uint64_t entry_guard = std::uint64_t{1} << 58;  // since 6.15

// Of a "swapped" entry, as seen by a reader with CAP_SYS_ADMIN: the type of swap entry in bits 0-4, and its offset in
// bits 5-54, which is never 0. To others both are 0. The last type (include/linux/swapops.h, SWP_PTE_MARKER, since
// 5.19) holds no page: its offset is a set of flags.
constexpr std::uint64_t swap_type(std::uint64_t entry) noexcept {
    return entry & 0x1f;
}
constexpr std::uint64_t swap_offset(std::uint64_t entry) noexcept {
    return entry >> 5 & ((std::uint64_t{1} << 50) - 1);
}
constexpr std::uint64_t type_of_markers = 31;
constexpr std::uint64_t marker_write_protected = 1;  // userfaultfd: never touched, or reclaimed to its file
constexpr std::uint64_t marker_poisoned = 2;         // UFFDIO_POISON, or lost to a memory failure
constexpr std::uint64_t marker_guard = 4;            // MADV_GUARD_INSTALL
constexpr std::uint64_t all_markers = marker_write_protected | marker_poisoned | marker_guard;

constexpr bool is_marker(std::uint64_t entry) noexcept {
    const std::uint64_t flags = swap_offset(entry);
    return (entry & entry_swapped) != 0 && swap_type(entry) == type_of_markers && flags != 0 &&
           (flags & ~all_markers) == 0;
}

}  // namespace vmio::detail::pagemap
