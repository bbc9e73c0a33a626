// SPDX-License-Identifier: BSL-1.0
/// zstd and gzip, the programs that others use.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/packing_stream.hpp>

#include "support/files.hpp"
#include "support/skip.hpp"

namespace test {

inline boost::test_tools::assertion_result with_packers(boost::unit_test::test_unit_id) {
    return unless_missing(
        vmio::packing_ostream::available() && std::system("command -v zstd gzip >/dev/null 2>&1") == 0,
        "libzstd, zstd and gzip");
}

inline bool runs(const std::string& command) {
    return std::system(("(" + command + ") >/dev/null 2>&1").c_str()) == 0;
}

inline void pack(const std::vector<std::byte>& bytes, const std::filesystem::path& to,
                 const vmio::packing_options& how = {}) {
    std::ofstream file(to, std::ios::binary);
    vmio::packing_ostream out(file, how);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    out.finish();
}

/// Half of it is noise, a quarter zeros.
inline std::vector<std::byte> mixed_bytes(std::size_t size) {
    std::vector<std::byte> bytes(size);
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < size; ++i) {
        state = state * 1664525 + 1013904223;
        const std::size_t kind = i / 100'000 % 4;
        bytes[i] = static_cast<std::byte>(kind < 2 ? state >> 24 : kind == 2 ? i / 16 : 0);
    }
    return bytes;
}

}  // namespace test
