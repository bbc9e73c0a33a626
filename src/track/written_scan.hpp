// SPDX-License-Identifier: BSL-1.0
/// What PAGEMAP_SCAN tells of pages of a target that are registered for asynchronous write protection.
#pragma once

#include <system_error>
#include <vector>

#include <vmio/address.hpp>

#include "base/range_set.hpp"

namespace vmio::detail {

/// A set of ranges that scans have found.
struct scanned_pages {
    std::vector<address_range> written;    ///< present or swapped, and not protected
    std::vector<address_range> empty;      ///< neither: never touched, or given back to the kernel
    std::vector<address_range> unchecked;  ///< of memory that turned out not to be registered
};

/// The functions below scan whole pages, and append what they find, sorted if `ranges` is.
/// `pagemap`: a descriptor of /proc/PID/pagemap.
/// Errors: those of ioctl(2).
/// @{

/// Finds mapped memory that is not registered.
std::error_code find_unregistered(int pagemap, range_span ranges, std::vector<address_range>& found);

/// Finds pages that are written, and present or swapped.
std::error_code find_written(int pagemap, range_span ranges, std::vector<address_range>& found);

/// Finds pages that are written or empty.
/// `protect`: write-protects each page that is found in the same step, so that no write between is missed. An empty
/// page is marked, which takes page tables where there are none.
std::error_code find_changed(int pagemap, range_span ranges, bool protect, scanned_pages& found);

/// Finds the same in pages that were all protected or marked before, without telling written from empty ones: at a
/// third of the cost, where the kernel counts empty pages as written.
std::error_code find_unprotected(int pagemap, range_span ranges, bool protect, std::vector<address_range>& changed);

/// @}

/// Whether a scan for written pages finds empty ones, too, in memory that is registered. To be set once, before any
/// scan: kernels differ.
void set_empty_is_written(bool is) noexcept;

}  // namespace vmio::detail
