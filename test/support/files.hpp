// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "processes/child.hpp"
#include "support/directory.hpp"

namespace test {

inline void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

inline std::vector<std::byte> read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto* const bytes = reinterpret_cast<const std::byte*>(text.data());
    return {bytes, bytes + text.size()};
}

/// How much room it takes there.
inline std::uint64_t disk_size(const std::filesystem::path& path) {
    struct stat status;
    must(::stat(path.c_str(), &status) == 0, "stat");
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

}  // namespace test
