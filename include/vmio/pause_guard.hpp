// SPDX-License-Identifier: BSL-1.0
/// Stopping a target, and never leaving it stopped.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <sys/types.h>

#include <vmio/detail/config.hpp>
#include <vmio/process.hpp>
#include <vmio/thread_registers.hpp>

namespace vmio {

/// While it exists, no thread of the target runs: PTRACE_SEIZE and PTRACE_INTERRUPT of ptrace(2) on each. The kernel
/// lets the target go on when the guard goes, and also when our process is killed with SIGKILL. A target that was
/// stopped before (SIGSTOP) stays stopped after; a signal that arrives meanwhile is delivered then. Some system calls
/// of the target that wait return EINTR, as after SIGSTOP and SIGCONT: signal(7).
///
/// A process can have one tracer: it is refused (EPERM) while a debugger is attached, and a debugger while it is
/// paused. The tracer is a thread of this object, so the guard may be made and destroyed by different threads. A target
/// that ends meanwhile is no error. Stopping waits for every thread to leave the kernel; one that a broken device or
/// file server holds there (state D) holds us too. Cost: a thread of ours, and some 20 microseconds for each of the
/// target's.
class VMIO_EXPORT pause_guard {
public:
    /// memory_error: EPERM, EACCES; ESRCH if it has ended; EINVAL for a thread of the calling process; EOPNOTSUPP
    /// for one of process::in_proc(); EAGAIN, ENOMEM or EMFILE if we have run out of threads, memory or descriptors.
    /// Nothing is left stopped then.
    explicit pause_guard(const process& target);
    /// One that is assigned to lets its target go first. After a move only destruction, assignment and resume(), which
    /// does nothing, make sense.
    /// @{
    pause_guard(pause_guard&&) noexcept;
    pause_guard& operator=(pause_guard&&) noexcept;
    /// @}
    ~pause_guard();

    /// Lets it run before the guard goes. Does nothing the second time.
    void resume() noexcept;

    /// The ids of the threads that were stopped.
    const std::vector<pid_t>& threads() const noexcept;

    /// The register sets of these threads, in their order: those of `types` (elf.h: NT_PRSTATUS and so on) that the
    /// machine has, or all that a core file would hold. A thread that has ended meanwhile is left out; nothing after
    /// resume(). Any thread of ours may ask. memory_error. Some 10 microseconds for each of the target's.
    /// @{
    std::vector<thread_registers> registers() const;
    std::vector<thread_registers> registers(std::span<const std::uint32_t> types) const;
    /// @}

private:
    class tracer;
    struct VMIO_HIDDEN resumer {
        void operator()(tracer*) const noexcept;
    };
    std::unique_ptr<tracer, resumer> tracer_;
};

}  // namespace vmio
