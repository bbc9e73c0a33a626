// SPDX-License-Identifier: BSL-1.0
/// Files of /proc/PID, and whether they are still those of the program that a process was opened on.
#pragma once

#include <system_error>

#include <vmio/error.hpp>
#include <vmio/process.hpp>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// Determines whether `target` still runs the program that it was opened on. Asked after something of the target was
/// opened or read by PID, it tells whether that was of the right program.
/// Returns: no error if it does, or if that is not permitted to know; ESRCH if the process has ended or is about to
/// (killed, and still freeing its memory); ESTALE if it has called exec, even if others still use its old memory;
/// EMFILE, ENFILE or ENOMEM if that could not be determined. Cost: see process::same_program().
std::error_code lost_program(const process& target) noexcept;

/// `ec`, but ESTALE instead of ESRCH for a process that has not ended and is not about to: it has called exec, or is
/// calling it (while its other threads are ended its PID may be that of a dead thread), or its first thread alone has
/// ended.
std::error_code gone_only_if_ended(const process& target, std::error_code ec) noexcept;

/// Calls f(); a memory_error about `target` is thrown with the errno of gone_only_if_ended().
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

/// Opens a file of /proc/PID for reading, of the program that `target` was opened on.
/// Errors: those of lost_program(); EACCES or EPERM; ENOSYS, this kernel has no such file.
file_descriptor open_proc_file(const process& target, const char* name, std::error_code& ec) noexcept;

/// process::maps(), and why there is none.
/// Errors: EACCES, not permitted; those of lost_program().
int maps_of(const process& target, std::error_code& ec) noexcept;

/// Opens what lost_program() needs, so that it needs no further descriptors: for what asks it at every transfer.
std::error_code prepare_lost_program(const process& target) noexcept;

}  // namespace vmio::detail
