// SPDX-License-Identifier: BSL-1.0
/// Files of /proc/PID, with checks that they belong to the program that a process was opened on.
#pragma once

#include <system_error>

#include <vmio/error.hpp>
#include <vmio/process.hpp>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// Determines whether `target` still runs the program that it was opened on. Called after an access by PID, it verifies
/// that the access was to the right program.
/// Returns: no error if it does, or if the caller is not permitted to know; ESRCH if the process has ended or is about
/// to (killed, and still freeing its memory); ESTALE if it has called exec, even if others still use its old memory;
/// EMFILE, ENFILE or ENOMEM if that could not be determined.
/// Cost: see process::same_program().
std::error_code lost_program(const process& target) noexcept;

/// Returns: ESTALE instead of ESRCH if the process has not ended and is not about to: it has called exec, or is calling
/// it (its PID may be that of a dead thread while exec ends the other threads), or only its first thread has ended;
/// else `ec`.
std::error_code gone_only_if_ended(const process& target, std::error_code ec) noexcept;

/// Calls f(), and replaces the errno of a memory_error about `target` by gone_only_if_ended().
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

/// Returns: process::maps(); below 0, with `ec`, on failure.
/// Errors: EACCES, not permitted; those of lost_program().
int maps_of(const process& target, std::error_code& ec) noexcept;

/// Opens the descriptors that lost_program() needs, for callers that use it at every transfer.
std::error_code prepare_lost_program(const process& target) noexcept;

}  // namespace vmio::detail
