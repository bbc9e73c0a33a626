// SPDX-License-Identifier: BSL-1.0
/// What a core file and a capture hold of a process beside its memory.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <sys/types.h>

#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>
#include <vmio/thread_registers.hpp>

namespace vmio::detail {

struct process_info {
    pid_t process_id = 0;
    std::string program;
    std::string arguments;
    std::vector<std::byte> auxiliary_vector;
    std::vector<thread_registers> threads;  // the current one of a debugger comes first
};

/// Reads it from /proc/PID; the registers if it is paused. Errors: memory_error.
process_info read_process_info(const process& target, const pause_guard* pause);

}  // namespace vmio::detail
