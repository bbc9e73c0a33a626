// SPDX-License-Identifier: BSL-1.0
/// Lookup of mappings by address, without their names: by PROCMAP_QUERY where the kernel has it, else in the text of
/// /proc/PID/maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
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
/// start for every new reader, so a lookup per mapping would be quadratic; the two modes avoid that. Lines of the
/// kernel's half of the address space ([vsyscall]) are not found, as by PROCMAP_QUERY.
class vma_lookup {
public:
    /// One pass: the text is read once, so an answer may be as old as this object.
    /// Precondition: addresses do not decrease. `maps` is a descriptor of /proc/PID/maps, which stays bound to the
    /// memory that it was opened on.
    explicit vma_lookup(int maps) noexcept : maps_(maps), lines_(maps) {}

    /// Cursor: every answer is of the moment of its lookup, and addresses may decrease, which restarts the text.
    /// `directory` is a descriptor of /proc/PID; both descriptors must outlive this object.
    vma_lookup(int maps, int directory) noexcept : maps_(maps), directory_(directory), lines_(maps) {}

    /// The same with the text of each line, for in_text(): `room` must outlive this object. The kernel continues where
    /// the last line's successor was then, so it would miss a mapping that was made below that since: a gap is looked
    /// for from the start again.
    vma_lookup(int maps, int directory, std::span<char> room) noexcept
        : maps_(maps), directory_(directory), room_(room), lines_(maps) {}

    /// Finds the mapping that covers `where`, else the next one above it. Does not allocate.
    /// Errors: ENOENT, there is none; ESRCH, the memory is gone (exit or exec); those of read(2).
    /// Cost: 0.4 microseconds by PROCMAP_QUERY; by a cursor in the text 5 microseconds for each mapping that it
    /// advances.
    std::error_code at_or_above(address where, vma_info& found) noexcept;

    /// The same without PROCMAP_QUERY.
    std::error_code in_text(address where, vma_info& found) noexcept;
    /// Finds the one after the last one that in_text() or next_in_text() has found.
    /// Errors: those of at_or_above().
    std::error_code next_in_text(vma_info& found) noexcept;
    /// Returns: the line of the last one, without its newline; empty if there was no room for it.
    std::string_view line() const noexcept { return {room_.data(), line_size_}; }

private:
    std::error_code find_in_text(address where, vma_info& found) noexcept;
    std::error_code find_from_start(address where, vma_info& found) noexcept;
    std::error_code find_by_cursor(address where, vma_info& found) noexcept;
    bool advance(address where) noexcept;
    bool seek_to_last_line(int reader) noexcept;
    bool read_line(int reader) noexcept;
    void keep(std::string_view text) noexcept;

    int maps_;
    int directory_ = -1;  // present in cursor mode only
    std::span<char> room_;
    std::size_t line_size_ = 0;
    vma_info last_;     // the last line that was parsed
    bool any_ = false;  // a line was read

    // Of one pass over the text.
    line_reader lines_;
    std::uint64_t position_ = 0;  // offset of its last line's start in the text; 0: unknown
    address passed_to_ = 0;       // the address in that line

    // Of the cursor: two readers, each with a file position of its own, that answer in turn. A reader of a line's last
    // byte makes the kernel generate the next line, too, which may have changed when it is asked for. The reader whose
    // turn it is has at least one more line to pass before.
    file_descriptor readers_[2];
    bool positioned_[2] = {};
    int turn_ = 0;
    int answered_ = -1;  // the reader of the last line; below 0: the pass
};

/// Returns: ESRCH if the memory that `maps` was opened on is gone.
/// Cost: less than a microsecond.
std::error_code memory_behind(int maps) noexcept;

}  // namespace vmio::detail
