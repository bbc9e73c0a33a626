// SPDX-License-Identifier: BSL-1.0
/// What process_snapshot::capture() can be told.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/source_options.hpp>

namespace vmio {

/// How far a capture is.
struct capture_progress {
    std::uint64_t stored = 0;  ///< bytes that were taken and kept
    address at = 0;            ///< all below has been dealt with
};

/// What of a process is captured, and how.
struct capture_options {
    /// Which mappings, and where their bytes are taken from.
    source_options regions{};
    /// Only what lies here, in whole pages; everything if empty. What of it cannot be captured, because nothing is
    /// mapped there or it is not for reading, is in gaps() then.
    std::vector<address_range> ranges{};
    /// Capture under a pause_guard: everything is of one moment. Errors: as there; EDEADLK, a page that the target
    /// would have to bring was waited for. Of a target that serves page faults of its own (userfaultfd) the pages that
    /// are not resident are gaps (input_output) instead; it is then paused, and captured, a second time.
    bool pause = false;
    /// How long that may wait.
    pause_options pause_limits{};
    /// How many bytes may be stored, zeros not counted. Once they are, hardly more is read, and what is not known to be
    /// zero is a gap: over_limit.
    std::uint64_t max_stored = std::numeric_limits<std::uint64_t>::max();
    /// Called every now and then. What it throws ends the capture, and the pause.
    std::function<void(const capture_progress&)> progress{};
};

}  // namespace vmio
