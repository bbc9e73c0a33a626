// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vector>

#include <vmio/page_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>

#include "base/file_descriptor.hpp"
#include "track/write_log.hpp"

namespace vmio::detail {

/// Whether this kernel has soft-dirty bits (CONFIG_MEM_SOFT_DIRTY). Determined once, on a page of this process that has
/// just been mapped, without clearing any.
bool has_soft_dirty();

/// A write_log by the soft-dirty bits of the page tables. They are one set for a whole process, and for all who look:
/// to clear them, by /proc/PID/clear_refs, spoils what another observer of the process (CRIU) has recorded.
class soft_dirty_log final : public write_log {
public:
    /// As write_protection_log.
    soft_dirty_log(const process& target, std::vector<address_range> ranges, bool any, const pause_options& limits);

    /// A restart pauses the target, since the kernel cannot read and clear the bits in one step.
    std::vector<address_range> written(bool restart) override;
    /// Errors: EOPNOTSUPP: to clear the bits of a few pages is not possible.
    void watch(range_span pages) override;
    std::vector<address_range> written_of(range_span pages) override;
    void forget(range_span pages) override;
    std::vector<address_range> untracked() const override { return {}; }

private:
    std::vector<address_range> dirty(range_span pages) const;
    void clear() const;

    const process target_;
    const std::vector<address_range> ranges_;
    const bool any_;
    const pause_options limits_;
    const page_map pages_;
    const file_descriptor pagemap_;
    std::vector<address_range> seen_;  // written, and cleared by forget(); a set
};

}  // namespace vmio::detail
