// SPDX-License-Identifier: BSL-1.0
/// The threads of a process, stopped one by one: ptrace(2).
#pragma once

#include <csignal>
#include <mutex>
#include <system_error>
#include <vector>

#include <vmio/process.hpp>

namespace vmio::detail {

/// For the thread that traces, but where another is named. Nothing is waited for that somebody else's wait(2) could
/// take.
class traced_threads {
public:
    /// The list changes its size under `mutex`.
    traced_threads(const process& target, std::mutex& mutex) : target_(target), mutex_(mutex) {}

    /// Until two passes over the threads find none that was not stopped: those that still run may make more, and one
    /// that ends cuts the list short.
    std::error_code stop_all();

    std::vector<pid_t> stopped() const;

    /// For a thread that waits for stop_all(), under the mutex: an exec in the target waits until its dead threads are
    /// reaped, and the tracer may itself be waiting for the exec.
    void reap_dead() noexcept;

    bool all_ended() noexcept;

    /// Those that were killed meanwhile are let go of when this thread ends.
    void let_go() noexcept;

private:
    struct traced_thread {
        pid_t id = 0;
        bool stopped = false;
        bool ended = false;
    };

    bool is_settled(pid_t id) const noexcept;
    void add(pid_t id);
    std::error_code seize(traced_thread& thread) noexcept;
    std::error_code wait_for_stops() noexcept;
    bool look_at(traced_thread& thread, std::error_code& ec) noexcept;
    void reap(pid_t id) const noexcept;

    const process target_;
    std::mutex& mutex_;
    std::vector<traced_thread> threads_;
};

}  // namespace vmio::detail
