// SPDX-License-Identifier: BSL-1.0
/// What /proc/PID/stat says of a process's condition: proc_pid_stat(5).
#pragma once

#include <system_error>

namespace vmio::detail {

struct proc_stat {
    char state = '?';
    unsigned long flags = 0;

    bool ended() const noexcept { return state == 'Z' || state == 'X'; }
    bool kernel_thread() const noexcept { return (flags & 0x00200000) != 0; }  // PF_KTHREAD
};

/// `file`: a descriptor of such a file; it may have been read before. ESRCH if the process is gone, EINVAL if there is
/// no sense in the text.
std::error_code read_proc_stat(int file, proc_stat& status) noexcept;

/// `directory`: a descriptor of /proc/PID; `name`: of that file below it. The same errors, and
/// those of openat(2).
std::error_code read_proc_stat(int directory, const char* name, proc_stat& status) noexcept;

}  // namespace vmio::detail
