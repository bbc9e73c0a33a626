// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <system_error>

#include <sys/types.h>

namespace vmio::detail {

/// Checks that /proc/ID is the process with the PID `id` of this process's PID namespace: PIDs in /proc are those of
/// the namespace that it was mounted in (pid_namespaces(7)). With a `pidfd` below 0 it checks instead that /proc is of
/// this process's namespace. Errors: ENOENT, it is not, or /proc is not mounted; those of openat(2) and read(2). Cost:
/// a few microseconds with a pidfd, ten times as long without.
std::error_code check_proc_number(int pidfd, pid_t id) noexcept;

}  // namespace vmio::detail
