// SPDX-License-Identifier: BSL-1.0
/// What is mapped at an address, without its name: PROCMAP_QUERY where it is known, else the text of /proc/PID/maps.
#pragma once

#include <cstdint>
#include <system_error>

#include <vmio/mapping.hpp>

#include "proc/line_reader.hpp"

namespace vmio::detail {

/// The part of a mapping that transfers ask for.
struct vma_info {
    address_range range;
    permissions perms;
    std::uint64_t inode = 0;  // 0: no file
    std::uint64_t offset = 0;
};

/// Several looks, each at the place of the one before or above it: the text is gone through once. So what it says may
/// be as old as this object.
class vma_lookup {
public:
    /// A descriptor of /proc/PID/maps, which stays with the memory it was opened on.
    explicit vma_lookup(int maps) noexcept : maps_(maps), lines_(maps) {}

    /// The mapping that covers `where`, or else the next one above it. Errors: ENOENT, there is none; ESRCH, that
    /// memory is gone, after exit or exec. Does not allocate. About 0.4 microseconds with the ioctl; with the text, as
    /// long as its lines take to write.
    std::error_code at_or_above(address where, vma_info& found) noexcept;

    /// Where in the text the line of the mapping that was found starts; 0 also if it was not found there.
    std::uint64_t text_position() const noexcept { return position_; }

private:
    std::error_code find_in_text(address where, vma_info& found) noexcept;

    int maps_;
    vma_info last_;  // of the text
    std::uint64_t position_ = 0;
    bool any_ = false;
    line_reader lines_;
};

/// ESRCH if the memory that `maps` was opened on is gone. Less than a microsecond.
std::error_code memory_behind(int maps) noexcept;

}  // namespace vmio::detail
