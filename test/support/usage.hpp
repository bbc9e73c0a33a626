// SPDX-License-Identifier: BSL-1.0
/// What a process has used so far, for tests of what an operation takes: proc_pid_status(5), proc_pid_io(5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>

#include <unistd.h>

#include "support/sanitized.hpp"

namespace test {

/// Returns: a value of /proc/PID/status in kilobytes: "VmRSS", "VmPTE", "VmHWM"; 0 if there is none.
inline std::size_t status_of(::pid_t pid, const std::string& key) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(key + ":")) return std::stoul(line.substr(key.size() + 1));
    return 0;
}

/// Returns: the bytes of this process that are in memory.
inline std::size_t resident_bytes() {
    std::size_t all = 0;
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> all >> pages;
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Returns: the bytes that address sanitizer may take, and keep, for its notes on `bytes` that were used: an eighth. It
/// only reads the notes on mapped memory, but on a machine without a zero page that takes memory, too.
inline std::size_t shadow_of([[maybe_unused]] std::size_t bytes) {
#ifdef VMIO_TEST_ADDRESS_SANITIZED
    return bytes / 8;
#else
    return 0;
#endif
}

/// Returns: the bytes that this process has read so far by read(2) and the like.
inline std::uint64_t bytes_read() {
    std::ifstream io("/proc/self/io");
    std::string key;
    std::uint64_t value = 0;
    io >> key >> value;
    return value;
}

}  // namespace test
