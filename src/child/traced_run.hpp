// SPDX-License-Identifier: BSL-1.0
/// A child under ptrace(2) until it reaches a place.
#pragma once

#include <map>
#include <optional>
#include <system_error>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/process.hpp>

#include "base/file_descriptor.hpp"
#include "child/child_wait.hpp"

namespace vmio::detail {

/// Lets a child that waits for a byte from `go` start its program, and stops that by SIGSTOP before its first
/// instruction.
/// Errors: ETIMEDOUT; those of ptrace(2); none, and no stop, if the child ends before.
std::error_code stop_at_exec(pid_t child, const file_descriptor& go, wait_clock::time_point deadline) noexcept;

/// All threads of a child, with a breakpoint. What goes wrong is undone: the child runs on as before.
class traced_run {
public:
    traced_run(const process& target, address where, wait_clock::time_point deadline) noexcept
        : target_(target), where_(where), deadline_(deadline) {}
    traced_run(const traced_run&) = delete;
    traced_run& operator=(const traced_run&) = delete;

    /// Runs until a thread has reached the place, and leaves the child stopped by SIGSTOP.
    /// Errors: ETIMEDOUT; ESRCH; ESTALE; EPERM and others, of ptrace(2) and of the memory.
    std::error_code run();

    /// Returns: the exit status of the child, as of reap_if_ended(), if it ended in run(), which then has reaped it.
    std::optional<int> ended() const noexcept { return ended_; }

private:
    enum class state { running, stopped };
    struct thread {
        state now = state::running;
        int status = 0;      // of waitpid(2), while it is stopped
        bool other = false;  // a child of vfork(2), which shares the memory
    };

    std::error_code seize_all();
    std::error_code stop_all();
    bool poll();
    void note(pid_t id, int status);
    void resume(pid_t id, thread& t) noexcept;
    void resume_all() noexcept;
    bool has_met(pid_t id, const thread& t) const noexcept;
    bool set_back(pid_t id) const noexcept;
    std::error_code plant();
    std::error_code remove_from(const process& from) const;
    void end_fork(pid_t id);
    std::error_code let_go(bool keep_stopped);
    std::error_code go_on();

    const process target_;
    const address where_;
    const wait_clock::time_point deadline_;
    std::map<pid_t, thread> threads_;
    std::error_code failed_;
    std::optional<int> ended_;
    bool met_ = false;
    bool planted_ = false;
    unsigned char before_[4]{};
};

}  // namespace vmio::detail
