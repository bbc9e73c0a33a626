// SPDX-License-Identifier: BSL-1.0
/// Writing a core file of a process that goes on.
#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>

#include <vmio/core_progress.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/mapping.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// What of a process goes into a core file, and how it is taken.
struct core_options {
    /// Stop the target meanwhile (pause_guard): memory of one moment, and the registers of its threads. Without that a
    /// debugger sees memory only, each page of another moment.
    bool pause = true;
    /// How long that may wait.
    pause_options pause_limits{};
    /// Leave out what the program asked to be left out of core files: madvise(2), MADV_DONTDUMP.
    bool skip_dontdump = true;
    /// Which mappings, of those that can be read; all if empty. The others are named in the file, without their bytes.
    std::function<bool(const mapping&)> wanted{};
    /// How far it is.
    core_progress progress{};
};

/// Writes an ELF core file, for gdb, core_memory and whatever reads the kernel's: memory with all that is mapped from
/// files, so that it can be looked at without them; what is mapped from which file; the auxiliary vector; the registers
/// of each thread. The target is read as by region_reader, so it does not grow; afterwards it runs on, also when this
/// fails or we are killed.
///
/// While the target is paused `out` and `progress` must not wait for it. Nothing seeks in `out`, so a filter that
/// compresses, or a pipe, will do; it is neither flushed nor closed.
///
/// memory_error as pause_guard and region_reader; EIO if the stream fails; EOPNOTSUPP for the registers of a program
/// of another word size than ours; without them, and its auxiliary vector, its memory can be written (pause = false).
VMIO_EXPORT core_summary write_core(const process&, std::ostream& out, const core_options& = {});

/// The same into a file that its owner alone may read, with a hole for each page of zeros. A file that is there is
/// replaced when all is written, as said of snapshot::save(), and when the target runs again; after an error nothing
/// has changed. file_error.
VMIO_EXPORT core_summary write_core(const process&, const std::filesystem::path&, const core_options& = {});

}  // namespace vmio
