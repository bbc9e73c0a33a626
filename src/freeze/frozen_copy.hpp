// SPDX-License-Identifier: BSL-1.0
/// A copy of a process that stands still while the process runs.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>

#include "inject/injected_call.hpp"

namespace vmio::detail {

/// A child of the target, made by clone(2) in one of its paused threads, that has its private memory of that moment,
/// shares the pages until one of them is written, and never runs. It shares the target's descriptors, which therefore
/// stay open until end() if the target ends meanwhile. It is the first that the kernel kills if memory runs out.
///
/// Not of that moment: memory that is shared with other processes (MAP_SHARED), which the copy shares, too. Not in it:
/// memory that a fork does not copy, madvise(2) with MADV_DONTFORK; zeros: MADV_WIPEONFORK.
///
/// The target sees neither a signal nor a result of wait(2), except with __WALL or __WCLONE. If this process is killed,
/// the copy ends; the kernel keeps its exit status, and no memory, until the target ends or waits with such a flag.
class frozen_copy {
public:
    /// Takes the pause over, unless an exception is thrown.
    /// Errors: memory_error: those of with_injected_calls(); EAGAIN, ENOMEM, see clone(2).
    /// Precondition: `pause` holds `target`; it was made with `limits`.
    frozen_copy(const process& target, pause_guard&& pause, const pause_options& limits);
    frozen_copy(const frozen_copy&) = delete;
    frozen_copy& operator=(const frozen_copy&) = delete;
    /// Calls end().
    ~frozen_copy();

    /// Lets the target run.
    /// Returns: for how long it was paused.
    std::chrono::nanoseconds release() noexcept;

    /// Precondition: before end().
    const process& copy() const noexcept { return *copy_; }

    /// Ends the copy, and pauses the target once more, so that it takes the exit status. If it cannot be paused, the
    /// kernel keeps the status as described above.
    /// Returns: the time of that pause.
    std::chrono::nanoseconds end() noexcept;

private:
    struct tracing;
    void make(const pause_guard& pause);
    remote_call call_that_reaps() const noexcept;
    bool reap(std::chrono::nanoseconds& paused);

    const process target_;
    const pause_options limits_;
    const std::shared_ptr<tracing> tracing_;
    std::optional<process> copy_;
    pid_t id_there_ = 0;                // of the copy in the target's namespace
    std::optional<pause_guard> pause_;  // its thread traces the copy
};

}  // namespace vmio::detail
