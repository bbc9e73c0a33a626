// SPDX-License-Identifier: BSL-1.0
/// The identity of a target process.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <vmio/detail/config.hpp>
#include <vmio/error.hpp>

namespace vmio {

namespace detail {
struct process_access;
}

/// Handle of one process, never of a later one with the same (recycled) PID. It holds two descriptors, a pidfd
/// (pidfd_open(2)) and that of /proc/PID; others are opened on first need. Copies are cheap and share them; all members
/// are thread-safe. A moved-from handle has its id() only: alive() is false.
///
/// A PID is recycled only after the process has ended and was waited for. So a call that named the process by its PID
/// met this process if alive() is true **after** it.
///
/// exec(2) keeps the process and replaces its memory: same_program() notices. Memory that a process shares with another
/// (vfork(2), posix_spawn(3), clone(2) with CLONE_VM) outlives such an exec, and is then no longer that of this
/// process.
class VMIO_EXPORT process {
public:
    /// Opens the process with the PID `id`, or one of its threads by its thread id (Linux 6.9; useful when the first
    /// thread has ended before the others). Permission to access the memory is not checked.
    /// Errors: memory_error with EINVAL, `id` is below 1; ESRCH, there is no such process, or it has no memory (a
    /// zombie, a kernel thread); EMFILE, ENFILE, ENOMEM.
    /// Races: while a thread other than the first one calls exec(2), a process looks like a zombie: try again.
    explicit process(pid_t id);

    /// The same without an exception. After an error id() is `id`, alive() and the conversion to bool are false, and
    /// there are no descriptors.
    process(pid_t id, std::error_code& ec) noexcept;

    /// Opens a process by its directory in some /proc, such as "/host/proc/1234" in a container that watches its host;
    /// /proc may be mounted read-only. The PID there has no meaning here: id() is 0, pidfd() is -1, memory is
    /// transferred by /proc/PID/mem only, and pause_guard refuses the process (EOPNOTSUPP).
    /// Errors: memory_error with ESRCH as above; EINVAL, not a process's directory of a /proc.
    static process in_proc(const std::string& directory);

    /// The calling process. After fork(2) a copy in the child still refers to the parent.
    static process self();

    /// Returns: the processes whose program has this name, by PID: the first 15 bytes of it are compared with
    /// /proc/PID/comm. Those that end meanwhile, and those that may not be opened, are left out.
    /// Errors: memory_error if /proc cannot be listed.
    static std::vector<process> find(std::string_view name);

    /// As it was given, or 0; once alive() is false it may be a recycled PID.
    pid_t id() const noexcept { return id_; }

    /// Whether the process has not ended. A zombie has ended; a process that was killed and still frees its memory has
    /// not.
    /// Cost: one poll(2) without waiting, 0.1 to 0.2 microseconds.
    bool alive() const noexcept;

    /// Whether it still runs the program that it ran when it was opened.
    /// Returns: false after the end of the process and after exec(2), also if other processes still use the memory
    /// that it had before.
    /// Errors: memory_error with EACCES, not permitted to know (ptrace(2), PTRACE_MODE_READ); EMFILE, ENFILE, ENOMEM.
    /// Cost: about 0.3 microseconds for a program of the GNU C library, 2 to 4 for others: get_robust_list(2), else a
    /// read of /proc/PID/stat.
    /// Races: an exec may follow at once. Transfers through /proc/PID/mem, maps, walks and captures ask this by
    /// themselves; transfers by process_vm_readv(2) do not.
    bool same_program() const;

    /// False after an error of the constructor that does not throw, and after a move.
    explicit operator bool() const noexcept { return state_ != nullptr; }

    /// The pidfd, for calls that take one; -1 where the kernel has none, and of in_proc(). Owned by this object and its
    /// copies.
    int pidfd() const noexcept;

    /// An O_PATH descriptor of the directory /proc/PID, for openat(2). Opening a file below it fails with ESRCH or
    /// ENOENT once the process is gone. Owned by this object and its copies.
    /// Returns: -1 where /proc is not mounted, is that of another PID namespace (where the PID is another process's),
    /// or hides the process from the caller (proc(5), hidepid).
    int proc_directory() const noexcept;

    /// A descriptor of /proc/PID/maps, bound to the memory that the process had when this object was made: after exec
    /// it reads as empty, unless another process uses that memory. Opened on first need.
    /// Returns: -1 if that was not permitted, after exec or the end of the process, or without descriptors left.
    /// Owned by this object and its copies.
    int maps() const noexcept;

private:
    struct state;
    friend struct detail::process_access;
    explicit process(std::shared_ptr<const state> s) noexcept : state_(std::move(s)) {}
    static std::shared_ptr<state> new_state(std::error_code& ec) noexcept;
    static std::shared_ptr<const state> open(pid_t id, std::error_code& ec) noexcept;

    pid_t id_ = 0;
    std::shared_ptr<const state> state_;
};

}  // namespace vmio
