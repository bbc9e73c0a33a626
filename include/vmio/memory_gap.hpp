// SPDX-License-Identifier: BSL-1.0
/// Ranges of memory that could not be read, and the reasons.
#pragma once

#include <iosfwd>
#include <string>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>

namespace vmio {

/// Why memory could not be read.
enum class gap_reason {
    unmapped,          ///< no mapping
    no_permission,     ///< the mapping's protection forbids reading
    guard_page,        ///< installed with madvise(2), MADV_GUARD_INSTALL: at the end of stacks, inside a mapping whose
                       ///< protection allows reading
    past_end_of_file,  ///< past the end of the mapped file, which is shorter than the mapping
    swapped,           ///< swapped out, and the options forbid swapping in
    input_output,      ///< the kernel cannot read the page: device memory, memfd_secret(2), [vvar], an I/O error, or a
                       ///< page that a paused target would have to provide itself (userfaultfd)
    over_limit,        ///< omitted because of the size limit of capture_options
    not_dumped,        ///< omitted from a core file: core(5)
    cut_off,           ///< in the part that a truncated core file lacks
};

/// Returns: a description of the reason, such as "a guard page".
VMIO_EXPORT const char* description(gap_reason) noexcept;
/// Writes description().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, gap_reason value) {
    return out << description(value);
}

/// A range that could not be read, for one reason.
struct memory_gap {
    address_range range;                       ///< clipped to the requested range
    gap_reason reason = gap_reason::unmapped;  ///< the same for the whole range

    friend bool operator==(const memory_gap&, const memory_gap&) noexcept = default;  ///< member by member
};

/// Returns: the range and the reason: "[0x1000, 0x2000): a guard page".
VMIO_EXPORT std::string to_string(const memory_gap&);
/// Writes to_string().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const memory_gap& value) {
    return out << to_string(value);
}

/// Handling of the caller's buffer where memory cannot be read: set to zero, or leave unchanged.
enum class gap_fill { zeros, keep };

}  // namespace vmio
