// SPDX-License-Identifier: BSL-1.0
#include "proc/proc_stat.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {

std::error_code read_proc_stat(int file, proc_stat& status) noexcept {
    char text[1024];
    const ssize_t length = sys::pread(file, text, sizeof text - 1, 0);
    if (length < 0) return last_system_error();
    if (length == 0) return system_error_of(ESRCH);
    text[length] = 0;
    // The name stands in parentheses and may hold any byte, so count from the last one.
    const char* rest = std::strrchr(text, ')');
    const bool sense =
        rest != nullptr && std::sscanf(rest, ") %c %*d %*d %*d %*d %*d %lu", &status.state, &status.flags) == 2;
    return sense ? std::error_code() : system_error_of(EINVAL);
}

std::error_code read_proc_stat(int directory, const char* name, proc_stat& status) noexcept {
    const file_descriptor file(sys::openat(directory, name, O_RDONLY | O_CLOEXEC));
    return file ? read_proc_stat(file.get(), status) : last_system_error();
}

}  // namespace vmio::detail
