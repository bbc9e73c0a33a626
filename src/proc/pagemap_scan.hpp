// SPDX-License-Identifier: BSL-1.0
/// The interface of PAGEMAP_SCAN as the kernel has it (include/uapi/linux/fs.h since 6.7), and that of the entries of
/// /proc/PID/pagemap; no installed header has either.
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
    std::uint64_t walk_end;  // out: where to go on
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

// Categories of a page.
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

}  // namespace vmio::detail::pagemap
