// SPDX-License-Identifier: BSL-1.0
/// System calls made in another process.
#pragma once

#include <functional>
#include <optional>

#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>

#include "inject/signal_frame.hpp"

namespace vmio::detail {

/// Makes system calls in one thread of a paused target; see with_injected_calls().
class injected_thread {
public:
    virtual ~injected_thread() = default;

    /// Makes a call, which must not wait.
    /// `undo`: if the thread is let go before the next call has begun, it makes the undoing call by itself.
    /// Returns: the result; an errno, negated, is negative and at least -4095.
    /// Errors: memory_error with ESRCH, the target has ended; ETIMEDOUT, the call has not returned; EINTR, the thread
    /// met a signal that no call should raise. The thread goes back by itself then.
    virtual long call(const remote_call& call, bool undo = false) = 0;

    /// Makes a child of the target by clone(2), without an exit signal: wait(2) reports it with __WALL or __WCLONE
    /// only. It shares the descriptors of the target, and has a copy of its memory, bytes below the stack included. It
    /// is stopped before its first instruction, traced by the calling thread, and killed when that thread ends.
    /// Precondition: the undoing call ends the process, exit_group(2). The child makes it if this process ends before
    /// it can say what is to be done with the child.
    /// `child`: its id.
    /// Returns: its id in the target's namespace, or an errno, negated. Errors: as call(); no child goes on.
    virtual long clone_stopped(pid_t& child) = 0;

protected:
    injected_thread() = default;
    injected_thread(const injected_thread&) = default;
    injected_thread& operator=(const injected_thread&) = default;
};

/// Runs `work` with a thread of the target, and sets the thread back to what it did. Interrupted system calls go on.
///
/// If this process ends at any moment of it, by SIGKILL too, or `work` throws, the thread goes back by itself: before
/// its registers are changed, a signal frame that holds all of its state has been written below its stack. Of its
/// signal mask, its alternate stack and its vector registers nothing is lost. Only what it waits in may notice: on
/// x86-64, nanosleep(2), poll(2), and futex(2) with a time limit return EINTR then, as after a signal; on arm64, even
/// if nothing is interrupted, a sleep takes its full time again. The thread needs room for a signal frame of a few
/// KiB on its stack, which has those bytes back afterwards, but not if this process ends: do not use it in a program
/// whose stacks are smaller than that, such as the goroutines of Go, unless the pause is certain to be undone.
///
/// `undo`: the call that call() names.
/// Errors: memory_error: EOPNOTSUPP or EPERM, with the reason, if no thread can make calls: 32-bit programs; a seccomp
/// filter, unless the caller may suspend it (CAP_SYS_ADMIN), since it could end the target; shadow stacks; syscall user
/// dispatch; no room on the stack; no instructions to make a call with in executable memory; other machines than
/// x86-64 and arm64. ESRCH, ESTALE. Those of `work`.
/// Precondition: `pause` holds `target`.
void with_injected_calls(const process& target, const pause_guard& pause, const std::optional<remote_call>& undo,
                         const std::function<void(injected_thread&)>& work);

}  // namespace vmio::detail
