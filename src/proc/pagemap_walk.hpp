// SPDX-License-Identifier: BSL-1.0
/// The two ways to read page tables.
#pragma once

#include <system_error>

#include <vmio/address.hpp>

#include "proc/page_runs.hpp"

namespace vmio::detail {

enum class walk_result {
    over,     ///< the end was reached
    enough,   ///< the receiver of the runs has ended the walk
    refused,  ///< the kernel lacks this method or refuses it; not an error of the target
    failed,
};

/// Returns: whether walk_by_scan() works with `pagemap`, for this thread.
bool can_scan(int pagemap) noexcept;

/// Walks by the ioctl PAGEMAP_SCAN. `pagemap` is a descriptor of /proc/PID/pagemap, which stays bound to the memory
/// that it was opened on; when that is gone, all pages look absent. `at` and `end` are multiples of the page size. `at`
/// is set to where the walk stopped, so that another one can continue there.
walk_result walk_by_scan(int pagemap, address& at, address end, page_state wanted, page_runs& runs,
                         std::error_code& ec);

/// Walks by reading an entry for each mapped page (`maps`: a descriptor of /proc/PID/maps); for each page in a small
/// range.
walk_result walk_by_entries(int pagemap, int maps, address& at, address end, page_runs& runs, std::error_code& ec);

}  // namespace vmio::detail
