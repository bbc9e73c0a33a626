// SPDX-License-Identifier: BSL-1.0
/// Arguments that make no sense, and what was probably meant.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <boost/program_options/errors.hpp>

namespace tool {

/// Where the parser cannot know.
struct usage_error : boost::program_options::error {
    using error::error;
};

/// A wrong spelling of a memory.
struct spelling_error : usage_error {
    spelling_error(const std::string& problem, std::string wrong) : usage_error(problem), spelling(std::move(wrong)) {}
    std::string spelling;
};

inline bool is_process_id(std::string_view text) {
    std::error_code ec;
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos &&
           std::filesystem::exists("/proc/" + std::string(text), ec);
}

/// The ids of the processes that run a program of this name: "5856, 5857"; the first few.
inline std::string ids_of(const std::string& name) {
    constexpr std::size_t most_shown = 5;
    constexpr std::size_t kept_of_a_name = 15;  // by the kernel
    std::string ids;
    std::size_t shown = 0;
    std::error_code ec;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ec)) {
        const std::string id = entry.path().filename();
        std::string comm;
        if (!is_process_id(id) || !std::getline(std::ifstream(entry.path() / "comm"), comm)) continue;
        if (comm != name.substr(0, kept_of_a_name)) continue;
        if (++shown > most_shown) return ids + " ...";
        ids += (ids.empty() ? "" : ", ") + id;
    }
    return ids;
}

/// "; PID must be a number; redis-server is 5856". `words`: all of the command line.
inline std::string spelling_hint(const std::string& spelling, std::span<char* const> words) {
    if (const std::string ids = ids_of(spelling); !ids.empty())
        return "; PID must be a number: " + spelling + " is " + ids;
    const auto other = std::find_if(words.begin(), words.end(),
                                    [&](const char* word) { return word != spelling && is_process_id(word); });
    if (other != words.end())
        return "; is the order swapped? The memory, such as " + std::string(*other) + ", comes first";
    return "; PID must be a number";
}

}  // namespace tool
