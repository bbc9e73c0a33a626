// SPDX-License-Identifier: BSL-1.0
/// Memory that could not be read, and why.
#pragma once

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>

namespace vmio {

/// Why memory could not be read.
enum class gap_reason {
    unmapped,          ///< nothing is there
    no_permission,     ///< mapped, but not for reading
    guard_page,        ///< installed with madvise(2), MADV_GUARD_INSTALL: at the end of stacks, in a mapping that looks
                       ///< readable
    past_end_of_file,  ///< of a mapped file, which is shorter than the mapping
    swapped,           ///< in a swap area, and not to be brought back
    input_output,      ///< the kernel cannot give the page: device memory, memfd_secret(2), [vvar], a broken disk, or a
                       ///< page that a paused target would bring itself (userfaultfd)
    over_limit,        ///< left out, since more was not to be stored: capture_options
    not_dumped,        ///< left out of a core file: core(5)
    cut_off,           ///< of a core file that ends too early
};

/// In words, such as "a guard page".
VMIO_EXPORT const char* description(gap_reason) noexcept;

/// Neighbouring addresses that could not be read for one reason.
struct memory_gap {
    address_range range;                       ///< cut to what was asked for
    gap_reason reason = gap_reason::unmapped;  ///< the same for all of it

    friend bool operator==(const memory_gap&, const memory_gap&) noexcept = default;  ///< member by member
};

/// What to do with our bytes where theirs cannot be read: zero them, or keep what was there.
enum class gap_fill { zeros, keep };

}  // namespace vmio
