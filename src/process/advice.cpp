// SPDX-License-Identifier: BSL-1.0
#include "process/advice.hpp"

#include <cerrno>

#include <vmio/access.hpp>

namespace vmio::detail {

std::string advice(const std::error_code& code, pid_t process) {
    if (code.category() != std::system_category()) return {};
    switch (code.value()) {
        case ESRCH:
        case EPERM:
        case EACCES:
        case ENOSYS:
            if (process == 0) return {};
            if (std::string text = diagnose_access(process).text; !text.empty()) return text;
            return code.value() == ESRCH ? "it has ended, and its id is another process's now" : std::string();
        case EFAULT: return "nothing is mapped there, or its protection forbids it";
        case EIO:
            if (process == 0) return {};
            return "the kernel cannot give or take this page: device memory, a guard page, past the end of a file, or "
                   "a forced write that it refuses (shared read-only file, proc_mem.force_override)";
        case EOPNOTSUPP:
            if (process == 0) return {};
            return "its registers are not of our word size: build for its, or leave them out (core_options::pause)";
        case ESTALE:
            return "the process has called exec or ended since it was opened: open it again; or its first thread alone "
                   "has ended: open another one by its own id";
        case EBADF: return "the device or stream is not open";
        case EOVERFLOW: return "the position does not fit a signed 64-bit stream offset";
        case ENOSPC: return "the window ends here";
        default: return {};
    }
}

}  // namespace vmio::detail
