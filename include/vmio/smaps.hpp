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

/// The flags of a mapping by their two-letter codes, as proc_pid_smaps(5) lists them under VmFlags. The set of flags
/// depends on the kernel. Relevant to reading memory: "io" and "pf" device memory, which must not be accessed; "dd"
/// MADV_DONTDUMP; "um" userfaultfd(2) brings pages that are missing; "gd" a stack, which grows down; "gu" may hold
/// guard pages; "ht" hugetlb; "lo" locked; "wf" MADV_WIPEONFORK. A moved-from object is unchanged.
class VMIO_EXPORT vm_flags {
public:
    /// No flags.
    vm_flags() noexcept = default;

    /// Parses codes separated by spaces. Words other than two lowercase letters are skipped, such as the kernel's "??".
    explicit vm_flags(std::string_view codes) noexcept;

    /// Returns: whether the mapping has this flag, as in flags.has("dd"). False for an unknown code.
    bool has(const char (&code)[3]) const noexcept {
        const std::size_t i = index(code[0], code[1]);
        return i < count && bits_[i];
    }

    /// Returns: all codes in alphabetical order, separated by spaces.
    std::string codes() const;

    friend bool operator==(const vm_flags&, const vm_flags&) noexcept = default;  ///< member by member

private:
    static constexpr std::size_t letters = 26;
    static constexpr std::size_t count = letters * letters;

    /// Returns: the index of the code; `count` if it is invalid.
    static constexpr std::size_t index(char first, char second) noexcept {
        if (first < 'a' || first > 'z' || second < 'a' || second > 'z') return count;
        return static_cast<std::size_t>(first - 'a') * letters + static_cast<std::size_t>(second - 'a');
    }

    std::bitset<count> bits_;
};

/// Memory usage of a mapping, all in bytes; 0 for values that the kernel does not report. See proc_pid_smaps(5).
struct smaps_entry {
    address_range range;                ///< the whole mapping, even if it exceeds the requested range
    std::uint64_t page_size = 0;        ///< page size of the mapping: larger than vmio::page_size() for hugetlb
    std::uint64_t rss = 0;              ///< resident, without hugetlb pages: the sum of the next four
    std::uint64_t shared_clean = 0;     ///< shared: mapped by more than one process now, whatever the mapping's type
    std::uint64_t shared_dirty = 0;     ///< dirty: modified since it last equalled its file
    std::uint64_t private_clean = 0;    ///< private: mapped by no other process now
    std::uint64_t private_dirty = 0;    ///< private, and dirty
    std::uint64_t pss = 0;              ///< resident, each page divided by the number of processes that map it
    std::uint64_t anonymous = 0;        ///< resident and not file-backed
    std::uint64_t anonymous_huge = 0;   ///< the part of `anonymous` in huge pages
    std::uint64_t shared_hugetlb = 0;   ///< resident, in shared hugetlb pages
    std::uint64_t private_hugetlb = 0;  ///< resident, in private hugetlb pages
    std::uint64_t swap = 0;             ///< in a swap area
    std::uint64_t swap_pss = 0;         ///< likewise, each page divided by the number of processes that share it
    std::uint64_t locked = 0;           ///< mlock(2)
    vm_flags flags;                     ///< of the mapping as a whole
};

/// Reads the entries of the mappings that overlap `range`.
/// Returns: the entries by address, without overlaps.
/// Errors: memory_error with EACCES or EPERM, access refused (ptrace(2), PTRACE_MODE_READ); ENOSYS, the kernel has no
/// smaps; ESRCH, the process has ended; ESTALE, it has called exec(2) since it was opened.
/// Cost: high. The kernel visits every page, and all mappings from the lowest, however small `range` is: about 3
/// microseconds per mapping and 30 nanoseconds per present page. page_map is cheaper for the state of pages.
/// Races: if the target maps and unmaps memory meanwhile, the entries are of different moments; of overlapping entries
/// the later one counts.
VMIO_EXPORT std::vector<smaps_entry> read_smaps(const process& target,
                                                address_range range = {0, std::numeric_limits<address>::max()});

/// Returns: the mappings in `range` that are excluded from core files (madvise(2), MADV_DONTDUMP), by address. A
/// mapping partly in `range` is included whole.
/// Errors, Cost, Races: as read_smaps().
VMIO_EXPORT std::vector<address_range> dontdump_ranges(const process& target,
                                                       address_range range = {0, std::numeric_limits<address>::max()});

}  // namespace vmio
