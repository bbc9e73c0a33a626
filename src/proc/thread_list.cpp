// SPDX-License-Identifier: BSL-1.0
#include "proc/thread_list.hpp"

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <fcntl.h>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/proc_stat.hpp"

namespace vmio::detail {

namespace {

/// getdents64(2), struct linux_dirent64: two 64-bit words, the length of the entry, its type, its name.
constexpr std::size_t length_offset = 16;
constexpr std::size_t name_offset = 19;

}  // namespace

std::vector<pid_t> list_threads(int directory, std::error_code& ec) {
    const auto fail = [&](int error) {
        ec = system_error_of(error == ENOENT ? ESRCH : error);
        return std::vector<pid_t>();
    };
    if (directory < 0) return fail(EACCES);
    const file_descriptor task(sys::openat(directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!task) return fail(last_system_error().value());
    std::vector<pid_t> ids;
    // Not by readdir(3), which makes an error hard to distinguish from the end: threads could be omitted silently.
    alignas(std::uint64_t) char entries[4096];
    while (true) {
        const long got = sys::getdents64(task.get(), entries, sizeof entries);
        if (got < 0) return fail(last_system_error().value());
        if (got == 0) return ids;
        for (long at = 0; at < got;) {
            const char* const entry = entries + at;
            unsigned short length = 0;
            std::memcpy(&length, entry + length_offset, sizeof length);
            const std::string_view name = entry + name_offset;
            pid_t id = 0;
            if (std::from_chars(name.data(), name.data() + name.size(), id).ec == std::errc()) ids.push_back(id);
            at += length;
        }
    }
}

thread_life life_of(int directory, pid_t thread, std::error_code& ec) noexcept {
    char place[32];
    std::snprintf(place, sizeof place, "task/%d/stat", thread);
    proc_stat status;
    ec = read_proc_stat(directory, place, status);
    if (ec.value() == ESRCH || ec.value() == ENOENT) {
        ec.clear();
        return thread_life::gone;
    }
    return !ec && status.ended() ? thread_life::zombie : thread_life::running;
}

}  // namespace vmio::detail
