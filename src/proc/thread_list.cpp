// SPDX-License-Identifier: BSL-1.0
#include "proc/thread_list.hpp"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/proc_stat.hpp"

namespace vmio::detail {

std::vector<pid_t> list_threads(int directory, std::error_code& ec) {
    std::vector<pid_t> ids;
    const int fd = sys::openat(directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* const list = fd >= 0 ? ::fdopendir(fd) : nullptr;
    if (list == nullptr) {
        ec = last_system_error();
        if (fd >= 0) sys::close(fd);
        if (directory < 0) ec = system_error_of(EACCES);  // hidden from us
        if (ec.value() == ENOENT) ec = system_error_of(ESRCH);
        return ids;
    }
    try {
        while (const dirent* entry = ::readdir(list)) {
            const std::string_view name = entry->d_name;
            pid_t id = 0;
            if (std::from_chars(name.data(), name.data() + name.size(), id).ec == std::errc()) ids.push_back(id);
        }
    } catch (...) {
        ::closedir(list);
        throw;
    }
    ::closedir(list);
    return ids;
}

bool is_ending(int directory, pid_t thread, std::error_code& ec) noexcept {
    char place[32];
    std::snprintf(place, sizeof place, "task/%d/stat", thread);
    proc_stat status;
    ec = read_proc_stat(directory, place, status);
    const bool gone = ec.value() == ESRCH || ec.value() == ENOENT;
    if (gone) ec.clear();
    return gone || (!ec && status.ended());
}

}  // namespace vmio::detail
