// SPDX-License-Identifier: BSL-1.0
/// The differences between two states of a process.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <system_error>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/detail/read_function.hpp>
#include <vmio/memory.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>

namespace vmio {

/// Compares two captures byte by byte. Only memory that is captured in both is compared; captured_only_in() finds the
/// rest. Runs of differing bytes that are at most `join_within` bytes apart are joined: a few dozen bytes shorten the
/// list, since single bytes in the middle of a change are often equal by coincidence.
/// Returns: the ranges of differing bytes, exact to the byte and sorted.
/// Cost: reads what is stored in either capture, about 64 KiB at a time; memory known to be zero in both is skipped.
VMIO_EXPORT std::vector<address_range> diff(const process_snapshot& before, const process_snapshot& after,
                                            std::uint64_t join_within = 0);

/// Compares a capture with a running process, which is read as by region_reader: no page becomes present in it.
/// Returns: the ranges of differing bytes, as above.
/// Errors: memory_error: ESRCH if the process has ended, ESTALE after exec(2).
VMIO_EXPORT std::vector<address_range> diff(const process_snapshot& before, const process_memory& after,
                                            std::uint64_t join_within = 0);

/// Compares a capture with any memory. Pages that cannot be read there (EFAULT, EIO) are skipped.
/// Returns: the ranges of differing bytes, as above.
/// Errors: all other errors are thrown as memory_error.
/// @{
VMIO_EXPORT std::vector<address_range> diff_by_reading(const process_snapshot& before,
                                                       const detail::read_function& after,
                                                       std::uint64_t join_within = 0);
template <memory_reader M>
requires(!std::convertible_to<M&, const process_snapshot&> && !std::convertible_to<M&, const process_memory&>)
    std::vector<address_range> diff(const process_snapshot& before, M&& after, std::uint64_t join_within = 0) {
    return diff_by_reading(before, detail::reading_from(after), join_within);
}
/// @}

/// Returns: the ranges that were captured in `one` and not in `other`. captured_only_in(before, after) is the memory
/// that has disappeared, captured_only_in(after, before) the memory that has appeared.
VMIO_EXPORT std::vector<address_range> captured_only_in(const process_snapshot& one, const process_snapshot& other);

}  // namespace vmio
