// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vector>

#include <vmio/address.hpp>

#include "base/range_set.hpp"

namespace vmio::detail {

/// What a kernel remembers of the writes of a process. Errors: memory_error.
class write_log {
public:
    virtual ~write_log() = default;

    /// Returns: the pages that are written since the last restart, a set.
    /// `restart`: forgets them in the same step.
    virtual std::vector<address_range> written(bool restart) = 0;

    /// Forgets that these pages, a set, are written, but for written(), which reports those that were.
    virtual void watch(range_span pages) = 0;

    /// Returns: what of these pages has been written since watch().
    virtual std::vector<address_range> written_of(range_span pages) = 0;

    /// Forgets that these pages are written. Precondition: the target is paused.
    virtual void forget(range_span pages) = 0;

    /// Returns: the mappings that are not tracked.
    virtual std::vector<address_range> untracked() const = 0;

protected:
    write_log() = default;
    write_log(const write_log&) = default;
    write_log& operator=(const write_log&) = default;
};

}  // namespace vmio::detail
