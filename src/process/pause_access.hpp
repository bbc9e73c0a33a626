// SPDX-License-Identifier: BSL-1.0
/// Work in the thread that traces a paused target.
#pragma once

#include <chrono>
#include <functional>

#include <vmio/detail/config.hpp>
#include <vmio/pause_guard.hpp>

namespace vmio::detail {

struct VMIO_HIDDEN pause_access {
    /// Runs `work` in the tracing thread, the only one whose ptrace(2) requests the kernel accepts, and waits for it.
    /// An exception that it throws is rethrown here.
    /// Returns: false, without having run it, if the target is no longer held.
    static bool run(const pause_guard& pause, const std::function<void()>& work);

    /// Precondition: the target has been let go.
    /// Returns: how long that took since the first of its threads was asked to stop. Not until the thread that let it
    /// go was waited for: that competes with the target's threads by then.
    static std::chrono::nanoseconds duration(const pause_guard& pause) noexcept;

    /// Has `work` run there once the target has been let go. It may wait: only the destruction of the guard waits for
    /// it. An exception ends the program.
    /// Returns: false, without having kept it, if the target is no longer held, or if there is such work already.
    static bool run_afterwards(const pause_guard& pause, std::function<void()> work);
};

}  // namespace vmio::detail
