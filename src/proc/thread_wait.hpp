// SPDX-License-Identifier: BSL-1.0
/// What a thread waits for, from /proc/PID/task/TID/{status,syscall,wchan}.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <sys/types.h>

namespace vmio::detail {

/// A thread's line of /proc/PID/task/TID/status.
struct thread_status {
    std::string name;                      ///< as set by pthread_setname_np(3)
    char state = '?';                      ///< R, S, D, T, t, Z, ...: proc_pid_stat(5)
    pid_t process = 0;                     ///< Tgid
    pid_t tracer = 0;                      ///< TracerPid, the thread that traces it; 0: none
    std::uint64_t voluntary_switches = 0;  ///< counts every wait that the thread has ended
};

/// `directory`: a descriptor of /proc/PID. As if empty where it cannot be read.
thread_status read_thread_status(int directory, pid_t thread);

/// A system call that a thread waits in.
struct blocked_call {
    long number = -1;                          ///< SYS_...
    std::array<std::uint64_t, 6> arguments{};  ///< those that it was made with
    std::uint64_t stack = 0, instruction = 0;  ///< the thread's user-mode pointers

    friend bool operator==(const blocked_call&, const blocked_call&) = default;
};

/// Returns: false if the thread runs, is not in a system call, or may not be looked at.
bool read_blocked_call(int directory, pid_t thread, blocked_call& call) noexcept;

/// Whether read_blocked_call() can tell anything: not of threads of a process that is not dumpable, our own included.
bool can_read_blocked_call(int directory, pid_t thread) noexcept;

/// The kernel function that the thread waits in, which even a process that is not dumpable may ask of itself; empty if
/// it runs, or the kernel does not tell.
std::string kernel_function(int directory, pid_t thread);

/// A phrase for an error message: "thread 12 (worker): state D, in system call 58, kernel function vfork".
std::string describe_wait(int directory, pid_t thread);

/// The process that a thread with that id belongs to, and its name: "process 12 (gdb)", or "this process".
std::string describe_process(pid_t thread);

}  // namespace vmio::detail
