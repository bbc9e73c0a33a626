// SPDX-License-Identifier: BSL-1.0
/// Waiting for a child and for its pipes, until a deadline.
#pragma once

#include <chrono>
#include <optional>
#include <system_error>

#include <sys/types.h>

namespace vmio::detail {

using wait_clock = std::chrono::steady_clock;

/// Waits until `fd` has the poll(2) events, or its other end is gone.
/// Errors: ETIMEDOUT; those of ppoll(2).
std::error_code wait_for(int fd, short events, wait_clock::time_point deadline) noexcept;

/// Returns: the exit status of a child that has ended, which is then reaped; 128 and the number of the signal that
/// ended it; none while it runs. `ec`: ECHILD, somebody else has waited for it.
std::optional<int> reap_if_ended(pid_t child, std::error_code& ec) noexcept;

/// Waits for a child that has been killed.
void reap_child(pid_t child) noexcept;

/// Sleeps for 20 microseconds, and longer after many attempts.
void nap(unsigned attempt) noexcept;

/// Calls done() until it is true, at first often. Returns: false if it was not by the deadline.
template <class Done>
bool wait_until(Done done, wait_clock::time_point deadline) {
    for (unsigned attempt = 0; !done(); ++attempt) {
        if (wait_clock::now() >= deadline) return false;
        nap(attempt);
    }
    return true;
}

/// Waits until a child that was sent SIGSTOP stands.
/// Errors: ETIMEDOUT; ESRCH, it has ended, and is not reaped.
std::error_code wait_for_stop(pid_t child, wait_clock::time_point deadline) noexcept;

}  // namespace vmio::detail
