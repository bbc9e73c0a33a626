// SPDX-License-Identifier: BSL-1.0
/// Options of process_snapshot::capture().
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/source_options.hpp>

namespace vmio {

/// The progress of a capture.
struct capture_progress {
    std::uint64_t stored = 0;  ///< bytes read and stored so far
    address at = 0;            ///< memory below this address is finished
};

/// Which memory of a process is captured, and how.
struct capture_options {
    /// Which mappings, and whether their bytes are read from the target or from mapped files.
    source_options regions{};
    /// Captures only these ranges, rounded outwards to whole pages; everything if empty. Parts of them that cannot be
    /// captured, because they are not mapped or not readable, are in process_snapshot::gaps().
    std::vector<address_range> ranges{};
    /// Captures under a pause_guard: all memory is of a single moment. If the target handles its own page faults
    /// (userfaultfd), pages that are not resident are gaps (gap_reason::input_output), and the target is paused and
    /// captured a second time. Private pages that were never touched are zeros in the first capture, as in
    /// source_options::skip_untouched.
    /// Errors: those of pause_guard; EDEADLK if a read waited for a page that only the paused target can provide.
    bool pause = false;
    /// Captures from a copy that the target makes of itself during a short pause, as by fork(2), while the target runs
    /// on: private memory and registers are of that moment. See process_snapshot::frozen_copy(). Where it cannot be
    /// had, the capture is made as with `pause`.
    bool frozen_copy = false;
    /// With frozen_copy: copies memory that the target shares with other processes (MAP_SHARED) during the pause, too.
    /// false: it is read while the target runs.
    bool frozen_shared = false;
    /// Time limits of the pause.
    pause_options pause_limits{};
    /// The maximum number of bytes stored, not counting zeros. Once it is reached, little more is read, and memory that
    /// is not known to be zero is a gap (gap_reason::over_limit).
    std::uint64_t max_stored = std::numeric_limits<std::uint64_t>::max();
    /// Called from time to time. An exception that it throws ends the capture and the pause.
    std::function<void(const capture_progress&)> progress{};
};

}  // namespace vmio
