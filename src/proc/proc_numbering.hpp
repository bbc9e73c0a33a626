// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <system_error>

#include <sys/types.h>

namespace vmio::detail {

/// Whether /proc/ID is the process that has this number here, and not another: /proc numbers as the pid namespace that
/// it was mounted in (pid_namespaces(7)). With a pidfd of the process a few microseconds; below 0 it is asked of this
/// process, whether all numbers are ours, which takes ten times as long. ENOENT: they are not, or /proc is not mounted.
std::error_code check_proc_number(int pidfd, pid_t id) noexcept;

}  // namespace vmio::detail
