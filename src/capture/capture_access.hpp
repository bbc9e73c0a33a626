// SPDX-License-Identifier: BSL-1.0
/// Captures under a pause that exists already.
#pragma once

#include <vmio/capture_options.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>

#include "base/range_set.hpp"

namespace vmio::detail {

struct VMIO_HIDDEN capture_access {
    /// As process_snapshot::capture() with capture_options::pause, but the pause is the caller's, who calls its check()
    /// afterwards.
    static process_snapshot capture_under(const pause_guard& pause, const process_memory& memory,
                                          const capture_options& options);

    /// The same, of a target of which `base` was captured with the same options before: pages that are not in `changed`
    /// are shared with it. If other memory is selected now, or if much has changed, all is captured anew.
    /// Precondition: `changed`, whole pages, has at least what was written since.
    /// Cost: that of a query for each mapping, and of reading `changed`.
    static process_snapshot capture_changes(const pause_guard& pause, const process_memory& memory,
                                            const capture_options& options, const process_snapshot& base,
                                            range_span changed);
};

}  // namespace vmio::detail
