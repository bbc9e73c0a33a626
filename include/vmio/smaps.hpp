// SPDX-License-Identifier: BSL-1.0
/// Flags of mappings, and how much of each is present, dirty or swapped: proc_pid_smaps(5).
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// The flags of a mapping by their two-letter codes, as proc_pid_smaps(5) lists them under VmFlags. Which exist depends
/// on the kernel. Of use for reading memory: "io" and "pf" device memory, not to be touched; "dd" MADV_DONTDUMP; "gd" a
/// stack, which grows down; "gu" may hold guard pages; "ht" hugetlb; "lo" locked; "wf" MADV_WIPEONFORK. A moved-from
/// object is a copy.
class VMIO_EXPORT vm_flags {
public:
    /// No flags.
    vm_flags() noexcept = default;

    /// Parses codes with spaces between. What is not two small letters is skipped, such as the kernel's "??".
    explicit vm_flags(std::string_view codes) noexcept;

    /// Returns: whether the mapping has this flag, as in flags.has("dd"). False for a code that no kernel has.
    bool has(const char (&code)[3]) const noexcept {
        const std::size_t i = index(code[0], code[1]);
        return i < count && bits_[i];
    }

    /// Returns: all codes in alphabetical order, with spaces between.
    std::string codes() const;

    friend bool operator==(const vm_flags&, const vm_flags&) noexcept = default;  ///< member by member

private:
    static constexpr std::size_t letters = 26;
    static constexpr std::size_t count = letters * letters;

    /// Returns: `count` if that is no code.
    static constexpr std::size_t index(char first, char second) noexcept {
        if (first < 'a' || first > 'z' || second < 'a' || second > 'z') return count;
        return static_cast<std::size_t>(first - 'a') * letters + static_cast<std::size_t>(second - 'a');
    }

    std::bitset<count> bits_;
};

/// The numbers of a mapping, all in bytes; 0 where this kernel does not have them. See proc_pid_smaps(5).
struct smaps_entry {
    address_range range;                ///< the whole mapping, also where it reaches beyond the range asked for
    std::uint64_t page_size = 0;        ///< of its pages: larger than vmio::page_size() for hugetlb
    std::uint64_t rss = 0;              ///< present, but for hugetlb: the sum of the four below
    std::uint64_t shared_clean = 0;     ///< shared: more than one process has the page now, whatever the mapping is
    std::uint64_t shared_dirty = 0;     ///< dirty: written since it last equalled its file
    std::uint64_t private_clean = 0;    ///< private: no other process has the page now
    std::uint64_t private_dirty = 0;    ///< private, and dirty
    std::uint64_t pss = 0;              ///< present, each page divided by how many processes have it
    std::uint64_t anonymous = 0;        ///< present and of no file
    std::uint64_t anonymous_huge = 0;   ///< of these, in huge pages
    std::uint64_t shared_hugetlb = 0;   ///< present, in hugetlb pages that are shared
    std::uint64_t private_hugetlb = 0;  ///< likewise, private
    std::uint64_t swap = 0;             ///< in a swap area
    std::uint64_t swap_pss = 0;         ///< likewise, each page divided by how many processes have it
    std::uint64_t locked = 0;           ///< mlock(2)
    vm_flags flags;                     ///< of the mapping as a whole
};

/// Reads the entries of the mappings that overlap `range`.
/// Returns: the entries by address, without overlaps.
/// Errors: memory_error with EACCES or EPERM, they may not be read (ptrace(2), PTRACE_MODE_READ); ENOSYS, this kernel
/// has no smaps; ESRCH, the process has ended; ESTALE, it has called exec(2) since it was opened. Cost: high. The
/// kernel looks at every page, and walks all mappings from the lowest on, however few are asked for: some 3
/// microseconds for each and 30 nanoseconds for each page that is present. page_map is cheaper for the state of pages.
/// Races: a target that maps and unmaps meanwhile is seen at several moments; of two that overlap the later one counts.
VMIO_EXPORT std::vector<smaps_entry> read_smaps(const process& target,
                                                address_range range = {0, std::numeric_limits<address>::max()});

/// Returns: the mappings in `range` that the program wants left out of core files (madvise(2), MADV_DONTDUMP), by
/// address; a mapping in part inside counts in whole.
/// Errors, Cost, Races: as read_smaps().
VMIO_EXPORT std::vector<address_range> dontdump_ranges(const process& target,
                                                       address_range range = {0, std::numeric_limits<address>::max()});

}  // namespace vmio
