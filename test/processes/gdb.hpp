// SPDX-License-Identifier: BSL-1.0
/// The debugger that others trust.
#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "processes/child.hpp"
#include "support/skip.hpp"

namespace test {

inline boost::test_tools::assertion_result with_gdb(boost::unit_test::test_unit_id) {
    return unless_missing(std::system("command -v gdb gcore >/dev/null 2>&1") == 0, "gdb");
}

/// What a shell command prints.
inline std::string output_of(const std::string& command) {
    std::FILE* const pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
    must(pipe != nullptr, "popen");
    std::string text;
    std::array<char, 4096> part;
    while (const std::size_t got = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), got);
    ::pclose(pipe);
    return text;
}

/// What gdb prints; `arguments` are words for a shell.
inline std::string gdb(const std::string& arguments) {
    return output_of("gdb -nx -batch -iex 'set debuginfod enabled off' " + arguments);
}

}  // namespace test
