// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <functional>
#include <system_error>
#include <vector>

#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>

#include "base/file_descriptor.hpp"
#include "track/selected_mappings.hpp"
#include "track/write_log.hpp"
#include "track/written_scan.hpp"

namespace vmio::detail {

/// A write_log by a userfaultfd(2) of the target.
///
/// Only pages that are present or swapped are write-protected, and empty ones that share a page table with one of them:
/// to mark an empty page takes a page table, and a target may have reserved terabytes. The blocks where that was done
/// are in `protected_`: a page that is empty there although it had been marked has been given back to the kernel
/// (MADV_DONTNEED), so it has changed.
class write_protection_log final : public write_log {
public:
    /// `ranges`: a set of whole pages. `any`: read-only mappings, too.
    write_protection_log(const process& target, std::vector<address_range> ranges, bool any,
                         const pause_options& limits);

    std::vector<address_range> written(bool restart) override;
    void watch(range_span pages) override;
    std::vector<address_range> written_of(range_span pages) override;
    void forget(range_span pages) override;
    std::vector<address_range> untracked() const override { return untracked_; }

private:
    /// What of the selected mappings is not registered.
    std::vector<address_range> fresh(const selected_mappings& now) const;
    void register_all(const selected_mappings& now, range_span fresh);
    void register_mappings_of(range_span pages);
    scanned_pages protect(range_span pages);
    void check(std::error_code ec) const;

    const process target_;
    const std::vector<address_range> ranges_;
    const bool any_;
    const file_descriptor userfaultfd_;
    const file_descriptor pagemap_;
    std::vector<address_range> registered_;  // mappings as they were then; a set
    std::vector<address_range> protected_;   // blocks; a set
    std::vector<address_range> untracked_;   // mappings; a set
    std::vector<address_range> seen_;        // written, and forgotten by watch(); a set
};

}  // namespace vmio::detail
