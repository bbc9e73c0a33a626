// SPDX-License-Identifier: BSL-1.0
#include "proc/proc_numbering.hpp"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/line_reader.hpp"

namespace vmio::detail {

std::error_code check_proc_number(int pidfd, pid_t id) noexcept {
    char path[48] = "/proc/thread-self/status";
    if (pidfd >= 0) std::snprintf(path, sizeof path, "/proc/thread-self/fdinfo/%d", pidfd);
    const file_descriptor file(sys::open(path, O_RDONLY | O_CLOEXEC));
    if (!file) {
        const std::error_code ec = last_system_error();
        // Not permitted to a program that is not dumpable, before Linux 5.14.
        const bool hidden = pidfd >= 0 && (ec.value() == EACCES || ec.value() == EPERM);
        return hidden ? check_proc_number(-1, id) : ec;
    }
    line_reader lines(file.get());
    for (std::string_view line; lines.next(line);) {
        // The PID in the namespace of /proc, and in each nested one down to the process's own.
        if (!line.starts_with("NSpid:")) continue;
        char text[128]{};
        line.copy(text, sizeof text - 1);
        int first = 0;
        int second = 0;
        const int count = std::sscanf(text, "NSpid: %d %d", &first, &second);
        return (pidfd >= 0 ? count >= 1 && first == id : count == 1) ? std::error_code() : system_error_of(ENOENT);
    }
    return lines.error();  // GCOVR_EXCL_LINE: a kernel without this line
}

}  // namespace vmio::detail
