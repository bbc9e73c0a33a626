// SPDX-License-Identifier: BSL-1.0
/// Many blocks of a running target as they were at one moment, without stopping it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <vmio/detail/config.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/write_tracker.hpp>

namespace vmio {

/// How often read_consistent() tries, and what it does then.
struct consistent_options {
    /// The number of attempts while the target runs; 0: none.
    unsigned tries = 16;
    /// Reads once more in a pause if no attempt succeeded, or if the writes to the blocks cannot be tracked.
    bool pause_at_last = true;
    /// Time limits of that pause.
    pause_options pause_limits{};
};

/// The result of read_consistent().
struct consistent_result {
    bool consistent = false;  ///< all blocks are of one moment
    unsigned tries = 0;       ///< attempts, including one in a pause
    bool paused = false;      ///< the target was paused for the last one
    /// If not consistent: the indices of the blocks whose pages were written during the last attempt.
    std::vector<std::size_t> changing{};
};

/// Reads blocks so that all of them are of one moment, while the target runs: begins to track their pages, reads them,
/// and asks whether any was written meanwhile; if so, tries again. A block may have any size and alignment; a write to
/// another part of its pages counts, too. What `tracker` reports is not changed by it.
///
/// **What is of one moment:** memory that is written through the target's page tables, private or shared. **What is
/// not:** writes by others to memory that they share (MAP_SHARED, files), since the target's page tables do not show
/// them, also in a pause; and what a device stores by itself (O_DIRECT, io_uring with fixed buffers, mapped devices).
///
/// Returns: see consistent_result. If not consistent, the bytes are those of the last attempt, each block as it was at
/// some moment of it. Errors: memory_error with EFAULT or EIO, a block cannot be read, whose where() is the first such
/// byte; EOPNOTSUPP, without pause_at_last: the writes to some block cannot be tracked, or tracking_method::soft_dirty
/// is used, by which single pages cannot be; ESRCH, ESTALE, those of pause_guard. Cost: an attempt takes 2 system calls
/// for each run of adjacent pages, and one for up to 1024 blocks: some 5 microseconds for two blocks. The first one
/// registers and write-protects their mappings' pages.
VMIO_EXPORT consistent_result read_consistent(write_tracker& tracker, std::span<const remote_block> blocks,
                                              const consistent_options& options = {});

/// The same with a tracker of its own: for a single read. Cost: also that of a write_tracker.
VMIO_EXPORT consistent_result read_consistent(const process& target, std::span<const remote_block> blocks,
                                              const consistent_options& options = {});

}  // namespace vmio
