// SPDX-License-Identifier: BSL-1.0
/// The threads of a process, from /proc/PID/task.
#pragma once

#include <system_error>
#include <vector>

#include <sys/types.h>

namespace vmio::detail {

/// `directory`: a descriptor of /proc/PID. The state of a moment, and incomplete if a thread ends meanwhile. ESRCH if
/// the process is gone, EACCES for a directory of -1.
std::vector<pid_t> list_threads(int directory, std::error_code& ec);

/// Whether a thread is a zombie, or gone. An error is that of not being able to look: EMFILE, say.
bool is_ending(int directory, pid_t thread, std::error_code& ec) noexcept;

}  // namespace vmio::detail
