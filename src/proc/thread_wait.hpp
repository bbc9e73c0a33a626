// SPDX-License-Identifier: BSL-1.0
/// The reason why a thread waits, from /proc/PID/task/TID/{status,syscall,wchan}.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <sys/types.h>

namespace vmio::detail {

/// Fields of /proc/PID/task/TID/status.
struct thread_status {
    std::string name;                      ///< as set by pthread_setname_np(3)
    char state = '?';                      ///< R, S, D, T, t, Z, ...: proc_pid_stat(5)
    pid_t process = 0;                     ///< Tgid
    pid_t tracer = 0;                      ///< TracerPid, the thread that traces it; 0: none
    std::uint64_t voluntary_switches = 0;  ///< incremented at the end of every wait
    int seccomp = 0;                       ///< 1: strict, 2: filtered
    bool shadow_stack = false;             ///< x86: a return to an address that no call has pushed ends the program
};

/// Reads the status of a thread. `directory`: a descriptor of /proc/PID. A file that cannot be read is treated as
/// empty.
thread_status read_thread_status(int directory, pid_t thread);

/// A system call that a thread waits in.
struct blocked_call {
    long number = -1;                          ///< SYS_...
    std::array<std::uint64_t, 6> arguments{};  ///< the arguments of the call
    std::uint64_t stack = 0, instruction = 0;  ///< the thread's user-mode pointers

    friend bool operator==(const blocked_call&, const blocked_call&) = default;
};

/// Returns: false if the thread runs, is not in a system call, or access is not permitted.
bool read_blocked_call(int directory, pid_t thread, blocked_call& call) noexcept;

/// Whether read_blocked_call() is permitted: not for threads of a non-dumpable process, including this process.
bool can_read_blocked_call(int directory, pid_t thread) noexcept;

/// Returns: the kernel function that the thread waits in, which even a non-dumpable process may query for itself; empty
/// if the thread runs, or the kernel does not report it.
std::string kernel_function(int directory, pid_t thread);

/// Returns: a phrase for an error message: "thread 12 (worker): state D, in system call 58, kernel function vfork".
std::string describe_wait(int directory, pid_t thread);

/// Returns: the process that a thread with that id belongs to, and its name: "process 12 (gdb)", or "this process".
std::string describe_process(pid_t thread);

}  // namespace vmio::detail
