// SPDX-License-Identifier: BSL-1.0
/// What /proc/PID/stat says of a process's condition: proc_pid_stat(5).
#pragma once

#include <system_error>

namespace vmio {

struct process_status {
    char state = '?';
    unsigned long flags = 0;

    bool ended() const noexcept { return state == 'Z' || state == 'X'; }
    bool kernel_thread() const noexcept { return (flags & 0x00200000) != 0; }  // PF_KTHREAD
};

/// `directory`: a descriptor of /proc/PID; `name`: of that file below it. ESRCH if the process is gone, EINVAL if there
/// is no sense in the text.
std::error_code read_status(int directory, process_status& status, const char* name = "stat") noexcept;

}  // namespace vmio
