// SPDX-License-Identifier: BSL-1.0
/// A process's or thread's state from /proc/PID/stat: proc_pid_stat(5).
#pragma once

#include <system_error>

namespace vmio::detail {

struct proc_stat {
    char state = '?';
    int parent = 0;
    int process_group = 0;
    int session = 0;
    int nice = 0;
    unsigned long threads = 0;  ///< of the process; 0 while it is taken from the list
    unsigned long flags = 0;
    unsigned long pending = 0;  ///< signals pending for the thread itself, signal n in bit n - 1, up to 31

    // Addresses set by exec(2), randomized by ASLR, and constant until the next exec. 0: the process has no memory at
    // this moment, or the caller has no permission (ptrace(2), PTRACE_MODE_READ).
    unsigned long start_code = 0;
    unsigned long end_code = 0;
    unsigned long start_stack = 0;
    unsigned long start_data = 0;
    unsigned long end_data = 0;

    /// A zombie: ended, but its parent has not waited for it; or a first thread that ended before the others.
    bool ended() const noexcept { return state == 'Z' || state == 'X'; }
    bool kernel_thread() const noexcept { return (flags & 0x00200000) != 0; }  // PF_KTHREAD

    /// Whether it no longer runs code of the program: in exit(2), or killed.
    bool exiting() const noexcept {
        constexpr unsigned long pf_exiting = 0x4;
        constexpr unsigned long sigkill = 1ul << (9 - 1);
        return ended() || (flags & pf_exiting) != 0 || (pending & sigkill) != 0;
    }

    /// Started by fork(2), clone(2) or vfork(2), with no exec(2) since.
    bool never_called_exec() const noexcept { return (flags & 0x40) != 0; }  // PF_FORKNOEXEC

    /// Whether the addresses above are known.
    bool layout_known() const noexcept { return start_code > 1 && start_stack != 0; }  // 1: not permitted
};

/// Reads and parses `file`, a descriptor of such a file, from its beginning.
/// Errors: ESRCH, the process is gone; EINVAL, the text cannot be parsed.
std::error_code read_proc_stat(int file, proc_stat& status) noexcept;

/// The same for the file `name` below `directory`, a descriptor of /proc/PID.
/// Errors: also those of openat(2).
std::error_code read_proc_stat(int directory, const char* name, proc_stat& status) noexcept;

/// Whether all threads of the process of `directory` (a descriptor of /proc/PID) are exiting: between SIGKILL and the
/// end of a large process its memory is gone while its pidfd still reports it alive.
/// Returns: false also if that cannot be determined. Does not throw, allocate or wait.
/// Cost: an open and a read for each thread up to the first that is not exiting; twice if all are.
bool all_threads_exiting(int directory) noexcept;

}  // namespace vmio::detail
