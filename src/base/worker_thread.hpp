// SPDX-License-Identifier: BSL-1.0
/// Worker threads of the library.
#pragma once

#include <csignal>
#include <exception>
#include <thread>
#include <type_traits>
#include <utility>

#include <pthread.h>

#include "base/cancellation.hpp"

namespace vmio::detail {

/// While one exists, the calling thread receives no signals; threads that it starts inherit this permanently.
class signals_blocked {
public:
    signals_blocked() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;
    ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
};

/// A thread that never runs the program's signal handlers, which may rely on that thread's data, stack or locks: all
/// signals are blocked before it starts. The destructor joins it. Joining is not a cancellation point.
class worker_thread {
public:
    worker_thread() noexcept = default;
    /// Errors: std::system_error (EAGAIN), std::bad_alloc.
    template <class F, class = std::enable_if_t<!std::is_same_v<std::remove_cvref_t<F>, worker_thread>>>
    explicit worker_thread(F&& f) {
        const signals_blocked now;
        thread_ = std::thread(std::forward<F>(f));
    }
    worker_thread(worker_thread&&) noexcept = default;
    /// Precondition: *this is not joinable.
    worker_thread& operator=(worker_thread&&) noexcept = default;
    ~worker_thread() {
        if (joinable()) join();
    }

    bool joinable() const noexcept { return thread_.joinable(); }
    void join() {
        const cancellation_disabled now;
        thread_.join();
    }

private:
    std::thread thread_;
};

/// Runs f() in `thread`.
/// Returns: false if no thread can be created (EAGAIN, or out of memory); the caller may then run it itself.
template <class F>
bool run_in(worker_thread& thread, F&& f) {
    try {
        thread = worker_thread(std::forward<F>(f));
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

}  // namespace vmio::detail
