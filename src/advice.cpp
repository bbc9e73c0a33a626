// SPDX-License-Identifier: BSL-1.0
#include "advice.hpp"

#include <cerrno>
#include <fstream>

namespace vmio {
namespace {

/// Yama's switch, or 0 where there is no Yama: Documentation/admin-guide/LSM/Yama.rst.
int ptrace_scope() {
    int scope = 0;
    std::ifstream("/proc/sys/kernel/yama/ptrace_scope") >> scope;
    return scope;
}

std::string about_permission(pid_t process) {
    const std::string who = process == 0 ? "the process" : "process " + std::to_string(process);
    std::string text = who +
                       " belongs to another user or is not dumpable: run as its user, as root, or with "
                       "CAP_SYS_PTRACE";
    switch (ptrace_scope()) {
        case 1:
            text += "; kernel.yama.ptrace_scope is 1: only descendants may be accessed, set it to 0 for others";
            break;
        case 2: text += "; kernel.yama.ptrace_scope is 2: only CAP_SYS_PTRACE helps"; break;
        case 3: text += "; kernel.yama.ptrace_scope is 3: nothing helps before a reboot"; break;
        default: break;
    }
    return text;
}

}  // namespace

std::string advice(const std::error_code& code, pid_t process) {
    if (code.category() != std::system_category()) return {};
    switch (code.value()) {
        case ESRCH: return "it has ended, or it is a zombie or a kernel thread and has no memory";
        case EPERM:
        case EACCES: return about_permission(process);
        case EFAULT: return "nothing is mapped there, or its protection forbids it";
        case ENOSYS: return "this kernel lacks the call, or a seccomp filter refuses it";
        case EBADF: return "the device or stream is not open";
        case EOVERFLOW: return "the position does not fit a signed 64-bit stream offset";
        case ENOSPC: return "the window ends here";
        default: return {};
    }
}

}  // namespace vmio
