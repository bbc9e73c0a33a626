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

/// To be used by the tracing thread, except where stated otherwise. Does not depend on wait(2) reports that the program
/// could consume elsewhere.
class traced_threads {
public:
    using clock = std::chrono::steady_clock;

    /// `mutex` is held when the list changes its size. Waits for stops end at `deadline`.
    traced_threads(const process& target, std::mutex& mutex, clock::time_point deadline)
        : target_(target), mutex_(mutex), deadline_(deadline) {}

    /// Stops all threads: repeats until two passes find only stopped ones, since running threads may create more, and
    /// one that ends truncates the list.
    /// Errors: ETIMEDOUT; EPERM; ESRCH; EAGAIN with has_strayed(): the calling thread must end; another one may retry.
    std::error_code stop_all();

    /// Explanation of the error of stop_all(): names the thread that does not stop, or the process that traces.
    /// Precondition: before let_go().
    std::string explain(const std::error_code& ec) const;

    /// Whether a thread of another process was seized because an id was recycled after the listing. Only the end of the
    /// tracing thread detaches it without a stop.
    bool has_strayed() const noexcept { return strayed_; }

    /// Forgets all threads, for a retry by another tracing thread.
    /// Returns: false if the deadline has passed.
    bool forget() noexcept;

    std::vector<pid_t> stopped() const;

    /// To be called with the mutex held, by a thread that waits for stop_all(): an exec in the target blocks until its
    /// dead threads are reaped, and the tracer may itself be blocked by the exec.
    void reap_dead() noexcept;

    bool all_ended() noexcept;

    /// Detaches all stopped threads. Others, running or killed, are detached when the calling thread ends.
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
    pid_t refused_ = 0;  // the id that could not be seized
    bool strayed_ = false;
};

}  // namespace vmio::detail
