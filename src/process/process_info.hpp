// SPDX-License-Identifier: BSL-1.0
/// The properties of a process, other than memory, that core files and captures contain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>
#include <vmio/thread_registers.hpp>

namespace vmio::detail {

/// Values of /proc/PID/stat and status, for NT_PRPSINFO.
struct process_numbers {
    char state = 'R';  // of the leader: 't' while it is paused
    int nice = 0;
    std::uint64_t flags = 0;  // PF_* of the kernel
    std::uint32_t user = 0;   // real ids
    std::uint32_t group = 0;
    pid_t parent = 0;
    pid_t process_group = 0;
    pid_t session = 0;

    friend bool operator==(const process_numbers&, const process_numbers&) noexcept = default;
};

struct process_info {
    pid_t process_id = 0;
    std::string program;
    std::string arguments;
    process_numbers numbers;
    std::vector<std::byte> auxiliary_vector;
    std::vector<thread_registers> threads;  // the first is a debugger's current thread
};

/// Returns: the content of a file of /proc/PID.
/// Errors: memory_error.
std::vector<std::byte> read_proc_file(const process& target, const char* name);

/// Returns: the auxiliary vector: proc_pid_auxv(5).
/// Errors: memory_error.
std::vector<std::byte> read_auxiliary_vector(const process& target);

/// Returns: the size of the words of an auxiliary vector, whose entries are two words each; that of this program if it
/// has none.
unsigned word_size_in(std::span<const std::byte> auxiliary_vector) noexcept;

/// Reads the properties from /proc/PID, and the registers if the process is paused.
/// Errors: memory_error.
process_info read_process_info(const process& target, const pause_guard* pause);

}  // namespace vmio::detail
