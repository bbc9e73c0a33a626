// SPDX-License-Identifier: BSL-1.0
/// The threads of a process, stopped one by one: ptrace(2).
#pragma once

#include <chrono>
#include <csignal>
#include <mutex>
#include <string>
#include <system_error>
#include <vector>

#include <vmio/process.hpp>

namespace vmio::detail {

/// For the thread that traces, except where another is named. Nothing is waited for that a wait(2) elsewhere in the
/// program could take.
class traced_threads {
public:
    using clock = std::chrono::steady_clock;

    /// The list changes its size under `mutex`. No stop is waited for beyond `deadline`.
    traced_threads(const process& target, std::mutex& mutex, clock::time_point deadline)
        : target_(target), mutex_(mutex), deadline_(deadline) {}

    /// Stops all threads: until two passes over them find none that was not stopped, since those that still run may
    /// make more, and one that ends cuts the list short.
    /// Errors: ETIMEDOUT; EPERM; ESRCH; EAGAIN, has_strayed(): the calling thread must end, and another may try again.
    std::error_code stop_all();

    /// Explanation of the error of stop_all(): names the thread that does not stop, or the process that traces. Before
    /// let_go().
    std::string explain(const std::error_code& ec) const;

    /// A thread of another process has been seized, whose id was one of the target's when they were listed. Only the
    /// end of the tracing thread lets it go without a stop.
    bool has_strayed() const noexcept { return strayed_; }

    /// Forgets all, for another tracing thread. Returns: false if it is too late for another try.
    bool forget() noexcept;

    std::vector<pid_t> stopped() const;

    /// For a thread that waits for stop_all(), under the mutex: an exec in the target waits until its dead threads are
    /// reaped, and the tracer may itself be waiting for the exec.
    void reap_dead() noexcept;

    bool all_ended() noexcept;

    /// Threads that have not stopped, or were killed, are let go of when the calling thread ends.
    void let_go() noexcept;

private:
    struct traced_thread {
        pid_t id = 0;
        bool stopped = false;
        bool ended = false;
    };

    bool is_settled(pid_t id) const noexcept;
    void add(pid_t id);
    std::error_code seize_one(pid_t id) noexcept;
    std::error_code seize(traced_thread& thread) noexcept;
    std::error_code wait_for_stops() noexcept;
    bool look_at(traced_thread& thread, std::error_code& ec) noexcept;
    void reap(pid_t id) const noexcept;
    bool is_late() const noexcept { return clock::now() >= deadline_; }

    const process target_;
    std::mutex& mutex_;
    const clock::time_point deadline_;
    std::vector<traced_thread> threads_;
    pid_t refused_ = 0;  // could not be seized
    bool strayed_ = false;
};

}  // namespace vmio::detail
