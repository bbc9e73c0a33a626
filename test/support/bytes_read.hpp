// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

namespace test {

/// The bytes that this process has read so far by read(2) and the like: proc_pid_io(5).
inline std::uint64_t bytes_read() {
    std::ifstream io("/proc/self/io");
    std::string key;
    std::uint64_t value = 0;
    io >> key >> value;
    return value;
}

}  // namespace test
