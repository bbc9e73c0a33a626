// SPDX-License-Identifier: BSL-1.0
/// The differences between two memories of any kind.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/any_memory.hpp>
#include <vmio/detail/config.hpp>

namespace vmio {

/// How two memories differ.
enum class difference {
    bytes,        ///< both can be read there, and every byte differs, but for those of memory_diff_options::join_within
    only_before,  ///< only the first can be read there: the memory has disappeared
    only_after,   ///< only the second can be read there: the memory has appeared
};

/// A range in which two memories differ.
struct memory_difference {
    address_range range;                  ///< not empty
    difference kind = difference::bytes;  ///< the same for the whole range

    friend bool operator==(const memory_difference&,
                           const memory_difference&) noexcept = default;  ///< member by member
};

/// Returns: the range and the kind: "[0x1000, 0x1004): bytes", "only before", "only after".
VMIO_EXPORT std::string to_string(const memory_difference&);
/// Writes to_string().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const memory_difference& value) {
    return out << to_string(value);
}

/// What is compared, and how.
struct memory_diff_options {
    /// Runs of differing bytes that are at most so many bytes apart are joined, but not across what cannot be compared.
    std::uint64_t join_within = 0;
    /// Only what lies in these ranges is compared; empty: all.
    std::vector<address_range> parts{};
};

/// Compares two memories, each of which may be a process, a captured process, a core file or any other, by memory_walk.
/// Calls found(difference), in ascending order, for each difference, exact to the byte, until it returns false.
/// Errors: as memory_walk; what found() throws.
/// Cost: about 1 MiB of memory, whatever the sizes; memory known to be zero in both is skipped. For two captures, or
/// one and a process, diff() of snapshot_diff.hpp does the same with less copying. Races: a process that is not paused
/// changes meanwhile.
VMIO_EXPORT void diff(const any_memory& before, const any_memory& after,
                      const std::function<bool(const memory_difference&)>& found,
                      const memory_diff_options& options = {});

}  // namespace vmio
