// SPDX-License-Identifier: BSL-1.0
#include <vmio/process_facts.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include <vmio/detail/word_size.hpp>
#include <vmio/error.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/proc_stat.hpp"
#include "proc/thread_list.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"
#include "process/process_info.hpp"
#include "process/process_state.hpp"
#include "process/program_name.hpp"

namespace vmio {
namespace {

std::string_view text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Strings that end with a NUL each; the last one may lack it.
std::vector<std::string> strings_in(std::string_view text) {
    std::vector<std::string> all;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\0'), text.size());
        all.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return all;
}

template <class Word>
std::vector<auxiliary_entry> entries_in(std::span<const std::byte> vector) {
    std::vector<auxiliary_entry> all;
    for (std::size_t at = 0; at + 2 * sizeof(Word) <= vector.size(); at += 2 * sizeof(Word)) {
        Word entry[2];
        std::memcpy(entry, vector.data() + at, sizeof entry);
        if (entry[0] == 0) break;  // AT_NULL
        all.push_back({entry[0], entry[1]});
    }
    return all;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::uint64_t limit_in(std::string_view text) {
    std::uint64_t value = resource_limit::unlimited;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// A line of /proc/PID/limits: columns of 26, 21 and 21 characters, and the unit.
resource_limit limit_of(std::string_view line) {
    constexpr std::size_t columns[]{0, 26, 47, 68};
    const auto column = [&](std::size_t i) {
        if (line.size() <= columns[i]) return std::string_view();
        return trimmed(line.substr(columns[i], i < 3 ? columns[i + 1] - columns[i] : std::string_view::npos));
    };
    return {std::string(column(0)), limit_in(column(1)), limit_in(column(2)), std::string(column(3))};
}

}  // namespace

std::vector<std::string> arguments_of(const process& target) {
    return strings_in(text_of(detail::read_proc_file(target, "cmdline")));
}

std::vector<std::string> environment_of(const process& target) {
    return strings_in(text_of(detail::read_proc_file(target, "environ")));
}

std::string executable_of(const process& target) {
    const int directory = detail::process_access::state_of(target)->directory.get();
    std::string path(256, '\0');
    for (;;) {
        const ssize_t size = ::readlinkat(directory, "exe", path.data(), path.size());
        std::error_code ec = size < 0 ? detail::last_system_error() : detail::lost_program(target);
        if (ec) throw detail::opening_error("readlink of /proc/PID/exe", target.id(), 0, ec);
        if (static_cast<std::size_t>(size) < path.size()) {
            path.resize(static_cast<std::size_t>(size));
            return path;
        }
        path.resize(path.size() * 2);
    }
}

std::vector<auxiliary_entry> auxiliary_vector_of(const process& target) {
    const std::vector<std::byte> vector = detail::read_auxiliary_vector(target);
    return detail::word_size_in(vector) == 8 ? entries_in<std::uint64_t>(vector) : entries_in<std::uint32_t>(vector);
}

std::vector<thread_facts> threads_of(const process& target) {
    const int directory = detail::process_access::state_of(target)->directory.get();
    std::error_code ec;
    std::vector<pid_t> ids = detail::list_threads(directory, ec);
    if (!ec) ec = detail::lost_program(target);
    if (ec) throw detail::opening_error("list of threads", target.id(), 0, ec);
    std::sort(ids.begin(), ids.end());
    std::vector<thread_facts> all;
    for (const pid_t id : ids) {
        const std::string place = "task/" + std::to_string(id);
        const detail::file_descriptor stat(
            detail::sys::openat(directory, (place + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
        const detail::file_descriptor comm(
            detail::sys::openat(directory, (place + "/comm").c_str(), O_RDONLY | O_CLOEXEC));
        detail::proc_stat values;
        char name[64];
        const ssize_t size = comm ? detail::sys::read(comm.get(), name, sizeof name) : -1;
        if (!stat || size <= 0 || detail::read_proc_stat(stat.get(), values)) continue;  // it has ended
        all.push_back({id, std::string(name, static_cast<std::size_t>(size - 1)), values.state});
    }
    return all;
}

std::vector<resource_limit> limits_of(const process& target) {
    const std::vector<std::byte> bytes = detail::read_proc_file(target, "limits");
    std::string_view text = text_of(bytes);
    std::vector<resource_limit> all;
    for (bool heading = true; !text.empty(); heading = false) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (!heading) all.push_back(limit_of(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return all;
}

std::vector<process> process::find(std::string_view name) {
    std::vector<process> all;
    for (const pid_t id : detail::processes_named(name)) {
        std::error_code ec;
        process found(id, ec);
        if (!ec) all.push_back(std::move(found));
    }
    return all;
}

}  // namespace vmio
