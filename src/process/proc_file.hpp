// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <fcntl.h>

#include <vmio/error.hpp>
#include <vmio/process.hpp>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/vma_lookup.hpp"

namespace vmio::detail {

/// `ec`; but ESRCH only of a process that has ended. One that lives has called exec, or is about to: while it waits for
/// its other threads to die, its id may be that of a dead one.
inline std::error_code gone_only_if_ended(const process& target, std::error_code ec) noexcept {
    return ec.value() == ESRCH && target.alive() ? system_error_of(ESTALE) : ec;
}

/// f(), whose memory_error about `target` says so too.
template <class F>
decltype(auto) told_from_exec(const process& target, F&& f) {
    try {
        return f();
    } catch (const memory_error& e) {
        const std::error_code ec = gone_only_if_ended(target, e.code());
        if (ec == e.code() || e.process_id() != target.id()) throw;
        throw memory_error(e.operation(), target.id(), e.where(), ec);
    }
}

/// ESRCH if the process has ended, ESTALE if it has called exec since it was opened. Asked after a file of /proc/PID
/// was opened or read, it tells whether that was of the right program.
inline std::error_code lost_program(const process& target) noexcept {
    const bool replaced = target.maps() >= 0 && memory_behind(target.maps()).value() == ESRCH;
    if (!target.alive()) return system_error_of(ESRCH);
    return replaced ? system_error_of(ESTALE) : std::error_code();
}

/// A file of /proc/PID for reading, of the program that `target` was opened on. Errors: those of lost_program(); EACCES
/// or EPERM; ENOSYS, this kernel has no such file.
inline file_descriptor open_proc_file(const process& target, const char* name, std::error_code& ec) noexcept {
    file_descriptor file(sys::openat(target.proc_directory(), name, O_RDONLY | O_CLOEXEC));
    ec = file ? std::error_code() : last_system_error();
    if (target.proc_directory() < 0) ec = system_error_of(EACCES);  // /proc is hidden from us, or not mounted
    if (ec.value() == ENOENT) ec = system_error_of(ENOSYS);
    if (const std::error_code why = lost_program(target)) ec = why;
    ec = gone_only_if_ended(target, ec);
    return file;
}

}  // namespace vmio::detail
