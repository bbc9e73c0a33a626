// SPDX-License-Identifier: BSL-1.0
#include "process/program_name.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>

#include <fcntl.h>

#include <vmio/error.hpp>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "proc/proc_stat.hpp"

namespace vmio::detail {
namespace {

constexpr std::size_t longest_name = 15;  // proc_pid_comm(5): TASK_COMM_LEN less the NUL

/// Whether the process of this directory of /proc has memory, and its program this name.
bool runs(const std::filesystem::path& directory, std::string_view name) {
    const file_descriptor comm(sys::openat(AT_FDCWD, (directory / "comm").c_str(), O_RDONLY | O_CLOEXEC));
    char text[64];
    const ssize_t size = comm ? sys::read(comm.get(), text, sizeof text) : -1;
    // The kernel adds a newline; the name may have some of its own.
    if (size <= 0 || std::string_view(text, static_cast<std::size_t>(size - 1)) != name.substr(0, longest_name))
        return false;
    proc_stat stat;
    return !read_proc_stat(AT_FDCWD, (directory / "stat").c_str(), stat) && !stat.ended() && !stat.kernel_thread();
}

}  // namespace

std::vector<pid_t> processes_named(std::string_view name) {
    std::vector<pid_t> ids;
    std::error_code ec;
    std::filesystem::directory_iterator entry("/proc", ec);
    for (; !ec && entry != std::filesystem::directory_iterator(); entry.increment(ec)) {
        const std::string number = entry->path().filename().string();
        pid_t id = 0;
        const auto [end, wrong] = std::from_chars(number.data(), number.data() + number.size(), id);
        if (wrong != std::errc() || end != number.data() + number.size()) continue;
        if (runs(entry->path(), name)) ids.push_back(id);
    }
    if (ec) throw memory_error("list of /proc", 0, 0, ec);
    std::sort(ids.begin(), ids.end());
    return ids;
}

}  // namespace vmio::detail
