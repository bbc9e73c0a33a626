// SPDX-License-Identifier: BSL-1.0
/// Stopping a target, and never leaving it stopped.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <sys/types.h>

#include <vmio/detail/config.hpp>
#include <vmio/process.hpp>
#include <vmio/thread_registers.hpp>

namespace vmio {

namespace detail {
struct pause_access;
}

/// How long a pause_guard may wait. Zero or less: without limit.
struct pause_options {
    /// For all threads of the target to stop. The threads that have stopped stay stopped as long.
    std::chrono::milliseconds stop_timeout{2000};
    /// For one page, in a read or write of the paused target's memory by a thread of the calling process. The target
    /// is let go then: see pause_guard::check().
    std::chrono::milliseconds page_timeout{2000};
};

/// Stops all threads of the target while it exists: PTRACE_SEIZE and PTRACE_INTERRUPT of ptrace(2) on each. The kernel
/// lets the target run when the guard is destroyed, and also when the calling process ends, by SIGKILL too. A target
/// that was stopped before (SIGSTOP) stays stopped after; a signal that arrives meanwhile is delivered then. Some
/// system calls that the target waits in return EINTR, as after SIGSTOP and SIGCONT: signal(7). A target that ends
/// meanwhile is no error.
///
/// A process can have one tracer: pausing is refused (EPERM) while a debugger is attached, and a debugger while it is
/// paused. The tracer is a thread of this object, on which all signals are blocked; the guard may be made, used and
/// destroyed by different threads, one at a time.
///
/// What may wait, for how long, and what ends it:
///
///     what waits                                       how long       what ends it
///     ---------------------------------------------------------------------------------------------------------
///     pausing, for a thread in state D: a parent in    stop_timeout:  its child's exec or end; the device or server;
///       vfork(2), a device or file server that does    ETIMEDOUT      SIGKILL to the calling process at once
///       not answer
///     pausing, for a thread frozen by cgroup v1        stop_timeout   thawing it, SIGKILL to the calling process
///     pausing, for a target that makes threads         stop_timeout   SIGKILL to the calling process
///       without end
///     pausing, for a target in execve(2) of a file     without limit  the server, SIGKILL to the calling process
///       whose server does not answer
///     a read or write of a page that the paused        page_timeout:  letting the target run, as is done then;
///       target itself brings: userfaultfd, FUSE        EDEADLK        SIGKILL to the calling process may not be enough
///     a read or write of a page of a mapped file       page_timeout,  the server; SIGKILL to the calling process is
///       whose server does not answer                   then without   not enough while its request is with the server,
///                                                      limit          but the target runs
///
/// What is of one moment under a pause: private memory, registers, and the list of threads and mappings. What is not:
/// memory that is shared with processes that run (MAP_SHARED, CLONE_VM: a vfork child), files, a mapped device, what
/// the kernel still writes for a call that was made before (io_uring, asynchronous I/O), and struct rseq of each
/// thread, which the kernel updates when the thread runs again.
///
/// If the target is a child of the calling process, waitpid(2) in it may report the stops of the pause, even without
/// WUNTRACED: a status for which WIFSTOPPED() is true, which the caller has to pass over. Exit statuses are not lost.
/// With __WNOTHREAD, the thread that made the child sees no stop.
///
/// Cost: a thread of ours, and some 20 microseconds for each thread of the target.
class VMIO_EXPORT pause_guard {
public:
    /// Errors (memory_error), after which no thread is kept stopped: ETIMEDOUT, a thread does not stop, which what()
    /// names together with its state, system call and kernel function; EPERM, EACCES, what() names the process that
    /// traces the target if there is one; ESRCH, the target has ended; EINVAL, it is a thread of the calling process;
    /// EOPNOTSUPP, it was opened by process::in_proc(); EAGAIN, ENOMEM, EMFILE: threads, memory or descriptors are
    /// exhausted.
    /// @{
    explicit pause_guard(const process& target, const pause_options& options = {});
    explicit pause_guard(pid_t target, const pause_options& options = {}) : pause_guard(process(target), options) {}
    /// @}
    /// Assignment lets the former target run first. A moved-from guard may be destroyed, assigned to, asked holds(),
    /// and resume()d, which is a no-op; nothing else.
    /// @{
    pause_guard(pause_guard&&) noexcept;
    pause_guard& operator=(pause_guard&&) noexcept;
    /// @}
    ~pause_guard();

    /// Lets the target run before the guard is destroyed. A no-op the second time.
    void resume() noexcept;

    /// Returns: true while the target is stopped by this guard; false after resume(), after page_timeout, after the
    /// target has ended, and in a fork of the calling process.
    bool holds() const noexcept;

    /// A precondition of what was read being of one moment: call it after reading.
    /// Errors (memory_error): EDEADLK, a transfer waited for page_timeout for a page that the paused target would have
    /// had to bring, and the target was let go.
    void check() const;

    /// Returns: the ids of the threads that were stopped. Valid until the guard is destroyed or assigned to.
    const std::vector<pid_t>& threads() const noexcept;

    /// Reads the register sets of these threads, in their order: those of `types` (elf.h: NT_PRSTATUS and so on) that
    /// the machine has, or all that a core file would hold. A thread that has ended meanwhile is left out.
    /// Returns: empty once the target is no longer held.
    /// Errors: memory_error.
    /// Cost: some 10 microseconds for each thread of the target.
    /// @{
    std::vector<thread_registers> registers() const;
    std::vector<thread_registers> registers(std::span<const std::uint32_t> types) const;
    /// @}

private:
    friend struct detail::pause_access;
    class tracer;
    struct VMIO_HIDDEN resumer {
        void operator()(tracer*) const noexcept;
    };
    std::unique_ptr<tracer, resumer> tracer_;
};

}  // namespace vmio
