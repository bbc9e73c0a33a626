// SPDX-License-Identifier: BSL-1.0
/// What has changed in a process between two moments.
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

/// The runs of bytes that differ, exact to the byte and sorted. Only what both have can differ: see captured_only_in()
/// for the rest. Runs with no more than `join_within` equal bytes between them are one: a few dozen make a shorter list
/// of what would be many short ones, since changed bytes often are what they were by chance.
///
/// Costs what is stored in either, some 64 KiB at a time: what both know to be zero is passed by.
VMIO_EXPORT std::vector<address_range> diff(const process_snapshot& before, const process_snapshot& after,
                                            std::uint64_t join_within = 0);

/// The same of a capture and a living process, which is read as region_reader does: nothing is made present in it.
/// memory_error: ESRCH if it has ended, ESTALE after exec(2).
VMIO_EXPORT std::vector<address_range> diff(const process_snapshot& before, const process_memory& after,
                                            std::uint64_t join_within = 0);

/// The same of a capture and any memory. What cannot be read there (EFAULT, EIO) is passed by, a page at a time; other
/// errors are thrown as memory_error.
/// @{
VMIO_EXPORT std::vector<address_range> diff_by_reading(const process_snapshot& before, const detail::read_function& after,
                                                       std::uint64_t join_within = 0);
template <memory_reader M>
requires(!std::convertible_to<M&, const process_snapshot&> && !std::convertible_to<M&, const process_memory&>)
    std::vector<address_range> diff(const process_snapshot& before, M&& after, std::uint64_t join_within = 0) {
    return diff_by_reading(before, detail::reading_from(after), join_within);
}
/// @}

/// What `one` has captured and `other` has not: captured_only_in(before, after) has vanished, captured_only_in(after,
/// before) has appeared.
VMIO_EXPORT std::vector<address_range> captured_only_in(const process_snapshot& one, const process_snapshot& other);

}  // namespace vmio
