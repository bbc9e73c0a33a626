// SPDX-License-Identifier: BSL-1.0
/// Which pages a running target has written.
#pragma once

#include <memory>
#include <vector>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>

namespace vmio {

namespace detail {
struct tracker_access;
}

/// How the kernel records writes.
enum class tracking_method {
    /// By write protection that the kernel lifts by itself: a userfaultfd(2) with UFFD_FEATURE_WP_ASYNC, and
    /// PAGEMAP_SCAN. Linux 6.7.
    write_protection,
    /// By the soft-dirty bits of the page tables: proc_pid_pagemap(5), bit 55. Linux 3.11, with CONFIG_MEM_SOFT_DIRTY.
    soft_dirty,
};

/// Which memory is tracked.
struct tracker_options {
    /// Only these ranges, rounded outwards to whole pages; everything if empty.
    std::vector<address_range> ranges{};
    /// Also mappings that the target may not write, which it could write between two mprotect(2) that nobody sees: for
    /// programs that compile at run time. Cost: all code and read-only data of the target is write-protected at first.
    bool read_only_mappings = false;
    /// Time limits of the pause in which the tracker is made.
    pause_options pause_limits{};
};

/// Records which pages a target writes, while it runs. Movable, not copyable; after a move only assignment and
/// destruction are allowed.
///
/// **Effects on the target.** With tracking_method::write_protection, it is paused once, for as long as one of its
/// threads takes to make two system calls, userfaultfd(2) and close(2), whose registers and stack are then as before;
/// no interrupted system call notices. From then on the first write to each page after a restart takes a microsecond
/// longer, and a huge page that is written is split. A userfaultfd that it makes itself cannot have tracked memory
/// (EBUSY). New mappings are not merged with tracked ones, so [heap] may appear as two. Nothing else changes, and
/// when the tracker is destroyed, or its process ends in whatever way, the kernel takes all of it back. A fork of the
/// tracker's process must not outlive it: it would keep the descriptor. With tracking_method::soft_dirty, all bits of
/// the process are cleared at each restart, in a pause, whatever `ranges` says: another observer that uses them
/// (CRIU) misses writes.
///
/// **What counts as written:** whatever changes a page by the target's page tables: its own instructions, system calls
/// that store into its memory, process_vm_writev(2) and /proc/PID/mem of others, ours too. Also, though nothing may
/// differ:
///
///     memory that was mapped later, or moved by mremap(2)             all of it, at every written() until a restart
///     memory that was mapped read-only, and may be written now        likewise
///     pages given back by MADV_DONTNEED or MADV_FREE                  once, as they read as zeros now
///     pages never touched before that are read                        perhaps
///     pages whose write was undone, or stored the same bytes          as written
///
/// **What does not:** writes by others to memory that they share (MAP_SHARED, files), unless they are tracked, too;
/// what a device stores by itself into pages that were pinned before a restart (O_DIRECT, io_uring with fixed buffers);
/// MADV_DONTNEED on a private mapping of a file; with soft_dirty, pages given back and not touched since. Memory that
/// is no longer mapped is not reported. Children made by fork(2) are not tracked; the parent is, as before. After
/// exec(2) every member fails with ESTALE.
///
/// Cost: 1 to 3 milliseconds for the first arming of 100 MiB that is present, then a tenth of a millisecond for each
/// question, plus less than a microsecond for each mapping and for each run of written pages.
class VMIO_EXPORT write_tracker {
public:
    /// Begins to track.
    /// Errors: memory_error with EOPNOTSUPP and the reason in what(): this kernel has neither method, the target runs
    /// 32-bit code, may not make a userfaultfd, or has no thread or instructions to make a call with; EPERM, it has a
    /// seccomp filter, which could end it for the call, and the caller lacks CAP_SYS_ADMIN to suspend it; those of
    /// pause_guard, so EPERM while a debugger traces it or a pause_guard holds it.
    explicit write_tracker(const process& target, const tracker_options& options = {});
    /// The same by PID.
    explicit write_tracker(pid_t target, const tracker_options& options = {})
        : write_tracker(process(target), options) {}
    /// A moved-from tracker can only be assigned to and destroyed.
    /// @{
    write_tracker(write_tracker&&) noexcept;
    write_tracker& operator=(write_tracker&&) noexcept;
    /// @}
    ~write_tracker();

    /// Returns: the pages that were written since the tracker was made or restarted: whole pages, sorted, neighbours
    /// joined.
    /// Errors (of all members): memory_error with ESRCH, the target has ended; ESTALE, it has called exec(2).
    /// Races: a write that takes place during the call is in this result or in the next one.
    std::vector<address_range> written() const;

    /// Forgets what was written so far.
    void restart();

    /// Returns: written(), and forgets it: for each page in one step of the kernel (soft_dirty: in a pause), so that no
    /// write is lost between two calls.
    std::vector<address_range> written_then_restart();

    /// Returns: the mappings that were found at the last restart and cannot be tracked, sorted, neighbours joined:
    /// those that a userfaultfd of the target's own already has, and memory of devices. Their writes are not reported.
    std::vector<address_range> untracked() const;

    /// Returns: how the kernel records the writes.
    tracking_method method() const noexcept { return method_; }
    /// Returns: the process.
    const process& target() const noexcept { return target_; }

private:
    friend struct detail::tracker_access;
    struct state;
    process target_;
    tracking_method method_;
    std::unique_ptr<state> state_;
};

}  // namespace vmio
