// SPDX-License-Identifier: BSL-1.0
/// The threads of a process, from /proc/PID/task.
#pragma once

#include <system_error>
#include <vector>

#include <sys/types.h>

namespace vmio::detail {

/// Returns: the ids of the threads of a process. Incomplete if a thread ends while they are listed.
/// `directory`: a descriptor of /proc/PID; -1: /proc is hidden.
/// Errors: ESRCH, the process has ended; EACCES, `directory` is -1; those of openat(2) and getdents64(2).
std::vector<pid_t> list_threads(int directory, std::error_code& ec);

enum class thread_life {
    running,  ///< or stopped, or asleep
    zombie,   ///< ended, and not yet waited for
    gone,     ///< not, or no longer, a thread of that process
};

/// `directory`: a descriptor of /proc/PID.
/// Errors: the state could not be read: EMFILE, for example.
thread_life life_of(int directory, pid_t thread, std::error_code& ec) noexcept;

inline bool is_ending(int directory, pid_t thread, std::error_code& ec) noexcept {
    const thread_life life = life_of(directory, thread, ec);
    return !ec && life != thread_life::running;
}

}  // namespace vmio::detail
