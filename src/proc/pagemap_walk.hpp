// SPDX-License-Identifier: BSL-1.0
/// The two ways to look at page tables.
#pragma once

#include <system_error>

#include <vmio/address.hpp>

#include "proc/page_runs.hpp"

namespace vmio::detail {

enum class walk_result {
    over,     ///< the end was reached
    enough,   ///< the receiver of the runs wants no more
    refused,  ///< this way is not to be had; nothing is wrong with the target
    failed,
};

/// `pagemap`: a descriptor of /proc/PID/pagemap, which stays with the memory it was opened on; when that is gone, all
/// looks absent. `at` and `end` are multiples of the page size. `at` moves to where the walk has stopped, so another
/// can go on from there.
walk_result walk_by_scan(int pagemap, address& at, address end, page_state wanted, page_runs& runs,
                         std::error_code& ec);

/// The same by reading an entry for each page that `maps`, a descriptor of /proc/PID/maps, says is mapped; of a small
/// range for each page.
walk_result walk_by_entries(int pagemap, int maps, address& at, address end, page_runs& runs, std::error_code& ec);

}  // namespace vmio::detail
