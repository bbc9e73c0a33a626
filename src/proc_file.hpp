// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <fcntl.h>

#include <vmio/process.hpp>

#include "file_descriptor.hpp"
#include "mapped_range.hpp"
#include "system_error.hpp"

namespace vmio {

/// ESRCH if the process has ended, ESTALE if it has called exec since it was opened. Asked after a file of /proc/PID
/// was opened or read, it tells whether that was of the right program.
inline std::error_code lost_program(const process& who) noexcept {
    mapped_range ignored;
    const bool replaced = who.maps() >= 0 && mapped_range_at_or_above(who.maps(), 0, ignored).value() == ESRCH;
    if (!who.alive()) return system_error_of(ESRCH);
    return replaced ? system_error_of(ESTALE) : std::error_code();
}

/// A file of /proc/PID for reading, of the program that `who` was opened on. Errors: those of lost_program(); EACCES or
/// EPERM; ENOSYS, this kernel has no such file.
inline file_descriptor open_proc_file(const process& who, const char* name, std::error_code& ec) noexcept {
    file_descriptor file(::openat(who.proc_directory(), name, O_RDONLY | O_CLOEXEC));
    ec = file ? std::error_code() : last_system_error();
    if (who.proc_directory() < 0) ec = system_error_of(EACCES);  // /proc is hidden from us, or not mounted
    if (ec.value() == ENOENT) ec = system_error_of(ENOSYS);
    if (const std::error_code why = lost_program(who)) ec = why;
    return file;
}

}  // namespace vmio
