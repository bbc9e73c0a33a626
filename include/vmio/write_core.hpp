// SPDX-License-Identifier: BSL-1.0
/// Writing a core file of a process without ending it.
#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>

#include <vmio/core_progress.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/existing_file.hpp>
#include <vmio/mapping.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// Which memory of a process a core file contains, and how it is read.
struct core_options {
    /// Pause the target during the write (pause_guard): the memory is of a single moment, and the file has the
    /// registers of the threads. false: the file has memory only, and each page is of another moment.
    bool pause = true;
    /// As in capture_options: the target runs while the file is written, which is of the moment of a short pause.
    /// @{
    bool frozen_copy = false;
    bool frozen_shared = false;
    /// @}
    /// Time limits of the pause.
    pause_options pause_limits{};
    /// Omit memory that the target excluded from core files: madvise(2), MADV_DONTDUMP.
    bool skip_dontdump = true;
    /// Include mappings whose protection forbids reading (PROT_NONE, -w-, --x) if they hold data, as the kernel and
    /// gcore do: pages that the process has written; and files, unless with PROT_NONE. false: no such mapping.
    bool read_protected = true;
    /// Selects among the mappings that can be read; all if empty. Other mappings are listed in the file without their
    /// bytes.
    std::function<bool(const mapping&)> wanted{};
    /// Reports progress; may be empty.
    core_progress progress{};
    /// If there is a file at the path already; of write_core() to a path only.
    existing_file existing = existing_file::replace;
};

/// Writes an ELF core file, for gdb, core_memory and any program that reads the kernel's core files. It contains the
/// memory, including that of mapped files, so that it can be examined without those files; the names of the mapped
/// files; the auxiliary vector; and the registers of each thread. The target is read as by region_reader, so its
/// resident memory does not grow; pages that userfaultfd(2) would have to bring are gaps (gap_reason::input_output), so
/// that a target which serves its own page faults is not waited for. It resumes afterwards, also after an error or if
/// the calling process is killed.
///
/// Precondition: while the target is paused, `out` and `progress` do not wait for it. `out` is written without seeking,
/// so it may be a compressing filter or a pipe, and is neither flushed nor closed.
///
/// Errors: memory_error: those of pause_guard and region_reader; EIO if the stream fails; EOPNOTSUPP for the registers
/// of a program whose word size differs from this one's. With core_options::pause = false the memory of such a program
/// is written, without its registers and its auxiliary vector.
VMIO_EXPORT core_summary write_core(const process&, std::ostream& out, const core_options& = {});

/// Writes the core file to `path`: readable by its owner only, with a hole for each page of zeros. An existing file is
/// replaced as by snapshot::save(), or as core_options::existing says, once all bytes are written and the target has
/// resumed; after an error it is unchanged.
/// Errors: also file_error.
VMIO_EXPORT core_summary write_core(const process&, const std::filesystem::path&, const core_options& = {});

}  // namespace vmio
