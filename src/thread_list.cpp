// SPDX-License-Identifier: BSL-1.0
#include "thread_list.hpp"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "file_descriptor.hpp"
#include "process_status.hpp"
#include "system_error.hpp"

namespace vmio {

std::vector<pid_t> list_threads(int directory, std::error_code& ec) {
    std::vector<pid_t> ids;
    const int fd = ::openat(directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* const list = fd >= 0 ? ::fdopendir(fd) : nullptr;
    if (list == nullptr) {
        ec = last_system_error();
        if (fd >= 0) ::close(fd);
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

bool is_ending(int directory, pid_t thread) noexcept {
    char name[32];
    std::snprintf(name, sizeof name, "task/%d", thread);
    const file_descriptor place(::openat(directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!place) return last_system_error().value() == ENOENT || last_system_error().value() == ESRCH;
    process_status status;
    const std::error_code ec = read_status(place.get(), status);
    return ec ? ec.value() == ESRCH || ec.value() == ENOENT : status.ended();
}

}  // namespace vmio
