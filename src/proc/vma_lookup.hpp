// SPDX-License-Identifier: BSL-1.0
/// Lookup of mappings by address, without their names: by PROCMAP_QUERY where the kernel has it, else in the text of
/// /proc/PID/maps.
#pragma once

#include <cstdint>
#include <system_error>

#include <vmio/mapping.hpp>

#include "base/file_descriptor.hpp"
#include "proc/line_reader.hpp"

namespace vmio::detail {

/// The part of a mapping that transfers need.
struct vma_info {
    address_range range;
    permissions perms;
    std::uint64_t inode = 0;  // 0: no file
    std::uint64_t offset = 0;
};

/// A series of lookups at mostly ascending addresses. Without PROCMAP_QUERY the kernel generates the text from the
/// start for every new reader, so a lookup per mapping would be quadratic; the two modes avoid that.
class vma_lookup {
public:
    /// One pass: the text is read once, so an answer may be as old as this object.
    /// Precondition: addresses do not decrease. `maps` is a descriptor of /proc/PID/maps, which stays bound to the
    /// memory that it was opened on.
    explicit vma_lookup(int maps) noexcept : maps_(maps), lines_(maps) {}

    /// Cursor: every answer is of the moment of its lookup, and addresses may decrease, which restarts the text.
    /// `directory` is a descriptor of /proc/PID; both descriptors must outlive this object.
    vma_lookup(int maps, int directory) noexcept : maps_(maps), directory_(directory), lines_(maps) {}

    /// Finds the mapping that covers `where`, else the next one above it. Does not allocate.
    /// Errors: ENOENT, there is none; ESRCH, the memory is gone (exit or exec); those of read(2).
    /// Cost: 0.4 microseconds by PROCMAP_QUERY; by a cursor in the text 5 microseconds for each mapping that it
    /// advances.
    std::error_code at_or_above(address where, vma_info& found) noexcept;

private:
    std::error_code find_in_text(address where, vma_info& found) noexcept;
    std::error_code find_by_cursor(address where, vma_info& found) noexcept;
    bool advance(address where) noexcept;
    bool seek_to_last_line() noexcept;
    bool read_line() noexcept;

    int maps_;
    int directory_ = -1;  // present in cursor mode only
    vma_info last_;       // the last line that was parsed
    bool any_ = false;    // a line was read

    // Of one pass over the text.
    line_reader lines_;
    std::uint64_t position_ = 0;  // offset of the last line's start in the text; 0: unknown

    // Of the cursor.
    file_descriptor own_maps_;  // with a file position of its own
    bool positioned_ = false;   // own_maps_ is positioned after the last line
};

/// Returns: ESRCH if the memory that `maps` was opened on is gone.
/// Cost: less than a microsecond.
std::error_code memory_behind(int maps) noexcept;

}  // namespace vmio::detail
