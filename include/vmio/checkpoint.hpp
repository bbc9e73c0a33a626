// SPDX-License-Identifier: BSL-1.0
/// Putting the memory of a running target back to what it was.
#pragma once

#include <cstdint>
#include <vector>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_tracker.hpp>

namespace vmio {

/// Which memory a checkpoint has.
struct checkpoint_options {
    /// Only these ranges, rounded outwards to whole pages; all writable memory if empty.
    std::vector<address_range> ranges{};
    /// Also memory that the target shares with others or with files (MAP_SHARED), which restore() changes for them,
    /// too.
    bool shared = false;
    /// Also the registers of the threads that the base has and that are still there, so that they go on from where they
    /// were: in a system call that they waited in then, it begins again (nanosleep(2), poll(2) and futex(2) with a time
    /// limit return EINTR). Without it, put the target back only while its threads are where they were.
    bool registers = false;
    /// Time limits of each pause.
    pause_options pause_limits{};
};

/// The result of checkpoint::restore().
struct restore_result {
    std::uint64_t written = 0;            ///< bytes, also of pages that were written and are equal
    std::vector<write_failure> failed{};  ///< what could not be written, sorted: no longer mapped or writable (EFAULT)
    bool same_threads = true;             ///< the target has the threads that the base has, and no others
};

/// A capture of the writable memory of a target, and a write_tracker, by which the target is put back in a time that
/// depends on what it has written, not on its size. For harnesses that run many tests in one process: put it back
/// between two of them, while its threads are where they were, such as in a read(2) of the next command, or together
/// with their registers. If this process ends during restore(), the target is left between the two states.
/// Movable; after a move only assignment and destruction are allowed.
///
/// What restore() puts back, and what not:
///
///     private writable memory that is mapped as it was      all bytes
///     MAP_SHARED memory                                     with checkpoint_options::shared
///     memory that was unmapped or made read-only since      not; in restore_result::failed
///     memory that was mapped since                          left as it is
///     mappings and their protections                        not
///     read-only memory that was made writable since         not
///     registers of threads that are still there             with checkpoint_options::registers
///     threads that have ended or begun, signal masks        not; see restore_result::same_threads
///     struct rseq of each thread, which the kernel updates  not
///     descriptors, file positions, signals, timers,         not
///       children, and all else in the kernel
///     bytes in pipes, sockets and files                     not
///
/// Effects on the target: those of write_tracker, and a pause for the capture and for each restore().
class VMIO_EXPORT checkpoint {
public:
    /// Captures the target in a pause, and begins to track it.
    /// Errors: those of write_tracker and of process_snapshot::capture().
    explicit checkpoint(const process& target, const checkpoint_options& options = {});
    /// The same by PID.
    explicit checkpoint(pid_t target, const checkpoint_options& options = {}) : checkpoint(process(target), options) {}

    /// Writes back, in a pause, all pages of the base that were written.
    /// Errors: memory_error with ESRCH, the target has ended; ESTALE, it has called exec(2); those of pause_guard.
    /// After an error, another restore() completes it. Cost: the pause, some 0.1 milliseconds for each 100 MiB that is
    /// present, and 5 microseconds for each run of pages.
    restore_result restore();

    /// Returns: the pages of the base that were written since it was made or last restored, and perhaps some that were
    /// written while it was made: whole pages, sorted, neighbours joined.
    std::vector<address_range> changed() const;

    /// Returns: the bytes of changed() that differ from the base, or cannot be read any more: sorted, neighbours
    /// joined. Cost: reading these pages. Races: a running target goes on; pause it for an answer of one moment.
    std::vector<address_range> differences() const;

    /// Makes the present memory the base, in a pause. It shares with the former base what was not written since, as
    /// long as the same memory is mapped and not much has changed: an eighth of it. Cost: some 5 microseconds for each
    /// run of pages that was written, and 2 for each mapping; else that of a capture. Errors: those of the constructor;
    /// the base is the former one then.
    void advance();

    /// Returns: what restore() restores. Valid until advance() or the end of the checkpoint; a copy shares its memory.
    const process_snapshot& base() const noexcept { return base_; }

    /// Returns: the memory of the target.
    const process_memory& memory() const noexcept { return memory_; }

private:
    capture_options selection() const;
    void take_written();
    process_snapshot capture() const;

    checkpoint_options options_;
    write_tracker tracker_;
    process_memory memory_;
    process_snapshot base_;
    // Written since, and no longer known to the tracker:
    std::vector<address_range> pending_;    // of the base
    std::vector<address_range> elsewhere_;  // of memory that could not be captured, or was not there
};

}  // namespace vmio
