// SPDX-License-Identifier: BSL-1.0
/// The two ways to read page tables.
#pragma once

#include <system_error>

#include <vmio/address.hpp>

#include "proc/page_runs.hpp"

namespace vmio::detail {

enum class walk_result {
    over,     ///< the end was reached
    enough,   ///< the receiver of the runs wants no more
    refused,  ///< the kernel lacks this way or refuses it; nothing is wrong with the target
    failed,
};

/// Walks by the ioctl PAGEMAP_SCAN. `pagemap` is a descriptor of /proc/PID/pagemap, which stays bound to the memory
/// that it was opened on; when that is gone, all pages look absent. `at` and `end` are multiples of the page size. `at`
/// moves to where the walk has stopped, so that another one can continue there.
walk_result walk_by_scan(int pagemap, address& at, address end, page_state wanted, page_runs& runs,
                         std::error_code& ec);

/// The same by reading an entry for each page that is mapped, by `maps`, a descriptor of /proc/PID/maps; of a small
/// range for each page.
walk_result walk_by_entries(int pagemap, int maps, address& at, address end, page_runs& runs, std::error_code& ec);

}  // namespace vmio::detail
