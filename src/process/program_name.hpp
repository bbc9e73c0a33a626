// SPDX-License-Identifier: BSL-1.0
/// Finding processes by the name of their program.
#pragma once

#include <string_view>
#include <vector>

#include <sys/types.h>

namespace vmio::detail {

/// Returns: the ids of the processes whose /proc/PID/comm is the first 15 bytes of `name`, sorted; kernel threads and
/// zombies, which have no memory, excluded. A process that ends meanwhile may be missing.
/// Errors: memory_error if /proc cannot be listed.
std::vector<pid_t> processes_named(std::string_view name);

}  // namespace vmio::detail
