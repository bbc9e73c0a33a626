// SPDX-License-Identifier: BSL-1.0
/// What a core file tells of a process beside its memory.
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
    std::vector<thread_registers> threads;  // the one that a debugger shows first is the first
};

/// With the registers if it is paused. memory_error.
process_info read_facts(const process& target, const pause_guard* pause);

}  // namespace vmio::detail
