// SPDX-License-Identifier: BSL-1.0
/// Who: the identity of a process whose memory is to be read or written.
#pragma once

#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <sys/types.h>

#include <vmio/detail/config.hpp>
#include <vmio/error.hpp>

namespace vmio {

/// One process, told apart from a later one that was given the same number: it holds five descriptors, a pidfd
/// (pidfd_open(2)) and what watches it, and those of /proc/PID, its stat and its maps. Copies are cheap and share them;
/// all members are thread-safe.
///
/// The number of a process is given to another one only after the process has ended and was waited for. So whoever asks
/// alive() **after** a call that named the process by its number, and hears yes, knows that the call met this process.
///
/// exec(2) keeps the process and replaces its memory: same_program() tells.
class VMIO_EXPORT process {
public:
    /// `id` is that of a process, or of one of its threads (useful when the thread-group leader has ended before the
    /// others; needs Linux 6.9). Throws memory_error: EINVAL for an id below 1, ESRCH if there is no such process, or
    /// if it has no memory because it is a zombie or a kernel thread. Permission to access the memory is not looked at.
    /// While a thread that is not its first one calls exec(2), a process looks like a zombie: try again.
    explicit process(pid_t id);

    /// The same without an exception. After an error only id(), alive() (false) and the conversion to bool make sense.
    process(pid_t id, std::error_code& ec) noexcept;

    /// The process whose directory in some /proc this is, such as "/host/proc/1234": for a container that watches its
    /// host. Its number there means nothing here, so id() is 0 and pidfd() is -1, memory is moved by /proc/PID/mem
    /// alone, and a pause_guard is refused. memory_error: ESRCH as above, EINVAL if it is no such directory.
    static process in_proc(const std::string& directory);

    /// The calling process. After fork(2) a copy in the child still means the parent.
    static process self();

    /// As it was given, or 0; it may be another process's once alive() is false.
    pid_t id() const noexcept { return id_; }

    /// False as soon as the process has ended, waited for or not. One epoll_wait(2) that does not wait: hardly more
    /// than the price of entering the kernel.
    bool alive() const noexcept;

    /// Whether it still runs the program that it ran when it was opened: false after exit and after exec(2). Nothing
    /// asks this by itself but transfers through /proc/PID/mem, which cannot miss it. memory_error with EACCES if it
    /// was not permitted to know (ptrace(2), PTRACE_MODE_READ). One ioctl on /proc/PID/maps: about 0.4 microseconds.
    bool same_program() const;

    /// False after an error of the constructor that does not throw.
    explicit operator bool() const noexcept { return state_ != nullptr; }

    /// For calls that take a pidfd; -1 where the kernel has none to give. Owned by this object and its copies.
    int pidfd() const noexcept;

    /// An O_PATH descriptor of the directory /proc/PID, for openat(2); -1 where /proc is not mounted, is that of
    /// another pid namespace, where the number is another process's, or hides the process from us (proc(5), hidepid).
    /// Owned by this object and its copies. Opening a file below it fails with ESRCH or ENOENT once the process is
    /// gone.
    int proc_directory() const noexcept;

    /// A descriptor of /proc/PID/maps, opened with this object and bound to the memory of that moment: after exec it
    /// reads as empty. -1 where that was not permitted. Owned by this object and its copies.
    int maps() const noexcept;

private:
    struct state;
    explicit process(std::shared_ptr<const state> s) noexcept : state_(std::move(s)) {}
    static std::shared_ptr<const state> open(pid_t id, std::error_code& ec) noexcept;

    pid_t id_ = 0;
    std::shared_ptr<const state> state_;
};

}  // namespace vmio
