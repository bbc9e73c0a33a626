// SPDX-License-Identifier: BSL-1.0
/// One spelling for any memory.
#pragma once

#include <optional>
#include <string_view>

#include <vmio/any_memory.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/gdb_remote_memory.hpp>
#include <vmio/process.hpp>
#include <vmio/process_memory.hpp>

namespace vmio {

/// Options of open_memory().
struct open_options {
    process_memory_options process{};  ///< of a live process
    gdb_remote_options remote{};       ///< of a target behind a debugging server
};

/// Opens the memory that `spelling` names:
///
/// | spelling | memory |
/// |---|---|
/// | `1234`, `pid:1234`, `/proc/1234` | a process, or by its thread id a thread's |
/// | `self` | this process |
/// | `comm:NAME` | the only process whose program has this name: its first 15 bytes, as in /proc/PID/comm |
/// | `proc:/host/proc/1234` | a process of another /proc: process::in_proc() |
/// | `core:FILE` | an ELF core file, which may be packed by zstd or gzip: core_memory |
/// | `snapshot:FILE` | a saved process_snapshot |
/// | `raw:FILE@ADDRESS` | the bytes of any file, the first of which has that address; without `@ADDRESS` it is 0 |
/// | `gdb:HOST:PORT`, `gdb:/path/of/socket`, `gdb:\|command` | the target of a debugging server: gdb_remote_memory |
/// | `FILE` | a core file or a snapshot, determined by its content; a name without a `/` must not be a number or a kind
/// |
///
/// A window may follow each: `#START-END` or `#START+SIZE`, as in `core:dump#0x7f0000000000+4K`. Outside of it nothing
/// can be read; addresses remain the same. A file whose whole name exists takes precedence over a window and an
/// `@ADDRESS`. Numbers are decimal, or hexadecimal with 0x; sizes may end in K, M, G or T (powers of 1024).
///
/// Returns: the memory; its name() is the spelling.
/// Errors: std::invalid_argument if the spelling is not understood, with the nearest valid one; memory_error or
/// file_error of the constructor of the memory; memory_error with ESRCH if no process has the name, and with ENOTUNIQ
/// and a list of the ids if several have it.
VMIO_EXPORT any_memory open_memory(std::string_view spelling, const open_options& options = {});

/// Opens the process that `spelling` names, but not its memory: for what only a process has, such as page_map.
/// Returns: nothing if it names a memory of another kind.
/// Errors: as open_memory(); std::invalid_argument also for a process with a window.
VMIO_EXPORT std::optional<process> open_process(std::string_view spelling);

}  // namespace vmio
