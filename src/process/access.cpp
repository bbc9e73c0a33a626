// SPDX-License-Identifier: BSL-1.0
#include <vmio/access.hpp>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cancellation.hpp"
#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/proc_numbering.hpp"
#include "proc/proc_stat.hpp"

namespace vmio {
namespace {

std::string content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Returns: the rest of the line of /proc/PID/status that begins with `key`.
std::string status_line(const std::string& directory, const std::string& key) {
    std::ifstream file(directory + "/status");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key)) return line.substr(key.size());
    return {};  // GCOVR_EXCL_LINE: the process has just ended
}

int ptrace_scope() {
    int scope = 0;
    std::ifstream("/proc/sys/kernel/yama/ptrace_scope") >> scope;
    return scope;
}

bool has_ptrace_capability() {
    constexpr int cap_sys_ptrace = 19;
    return (std::strtoull(status_line("/proc/thread-self", "CapEff:").c_str(), nullptr, 16) >> cap_sys_ptrace & 1) != 0;
}

bool runs_as(const std::string& ids, unsigned long wanted) {
    std::istringstream in(ids);  // real, effective, saved, file system
    unsigned long id = 0;
    for (int i = 0; i < 3 && in >> id; ++i)
        if (id != wanted) return false;
    return true;
}

access_diagnosis about_scope(int scope) {
    std::string text = "kernel.yama.ptrace_scope is " + std::to_string(scope) + ": ";
    if (scope == 1)
        text +=
            "only descendants of the reader may be accessed; set it to 0, have the target call "
            "prctl(PR_SET_PTRACER), or run as root";
    else if (scope == 2)
        text += "only CAP_SYS_PTRACE helps: run as root, or set it to 0";
    else
        text += "nothing helps before a reboot";
    return {access_obstacle::ptrace_scope, text};
}

access_diagnosis cannot_look() {
    return {access_obstacle::unknown, "no descriptors or no memory left to find out what prevents access"};
}

access_diagnosis without_proc(const std::string& target) {
    return {access_obstacle::no_proc, "/proc is not mounted, or is that of another pid namespace, and does not show " +
                                          target + ": mount it anew where it is to be read (mount -t proc proc /proc)"};
}

/// Why the kernel refuses access (ptrace(2), "Ptrace access mode checking"), in the order of its checks.
access_diagnosis refused(pid_t id, const std::string& directory) {
    const std::string target = "process " + std::to_string(id);
    const std::string users = status_line(directory, "Uid:");
    const bool may_trace = has_ptrace_capability();
    if (content(directory + "/uid_map") != content("/proc/thread-self/uid_map"))
        return {access_obstacle::other_user_namespace,
                target + " is in another user namespace: run as root outside of it, or inside of it as its user"};
    const bool changed_user = std::strtoul(users.c_str(), nullptr, 10) == ::getuid() && !runs_as(users, ::getuid());
    if (!may_trace && !changed_user && !runs_as(users, ::getuid()))
        return {access_obstacle::other_user, target + " runs as another user (uid " +
                                                 std::to_string(std::strtoul(users.c_str(), nullptr, 10)) +
                                                 "): run as that user or as root, or with CAP_SYS_PTRACE"};
    struct stat owner {};
    // The files of /proc/PID of such a process belong to root: proc(5).
    if (!may_trace &&
        (changed_user || ::stat((directory + "/mem").c_str(), &owner) != 0 || !runs_as(users, owner.st_uid)))
        return {access_obstacle::not_dumpable,
                target +
                    " is not dumpable (it changed its user, cannot be read, or asked for it by prctl(2)): run as root, "
                    "or with CAP_SYS_PTRACE"};
    if (const int scope = ptrace_scope(); scope > 0) return about_scope(scope);
    return {access_obstacle::unknown, "the kernel refuses access to " + target +
                                          ": a security module, or a capability that is missing "
                                          "(CAP_SYS_PTRACE)"};
}

}  // namespace

access_diagnosis diagnose_access(pid_t id) {
    if (id <= 0) return {access_obstacle::invalid_id, "a process id is at least 1; 0 does not mean oneself"};
    const detail::cancellation_disabled now;  // a std::ifstream closes its file in its destructor
    const std::string target = "process " + std::to_string(id);
    const std::string directory = "/proc/" + std::to_string(id);

    std::byte byte;
    const iovec ours{&byte, 1};
    const iovec theirs{nullptr, 1};  // never mapped: EFAULT means that access is permitted
    const bool moved = ::process_vm_readv(id, &ours, 1, &theirs, 1, 0) == 1;
    const std::error_code ec = moved ? std::error_code() : detail::last_system_error();
    const bool reached = moved || ec.value() == EFAULT;
    if (const std::error_code unsure = detail::check_proc_number(-1, id)) {
        if (detail::is_exhaustion(unsure)) return cannot_look();
        if (ec.value() != ESRCH) return without_proc(target);
        return {access_obstacle::gone, target + " is gone, or has no memory"};
    }
    if (reached) return {};

    const detail::file_descriptor place(detail::sys::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    detail::proc_stat status;
    const std::error_code unseen =
        place ? detail::read_proc_stat(place.get(), "stat", status) : detail::last_system_error();
    if (detail::is_exhaustion(unseen)) return cannot_look();
    if (unseen) {
        if (ec.value() == ESRCH) return {access_obstacle::gone, target + " is gone: no process has this id"};
        return {access_obstacle::other_user,
                target +
                    " is hidden from this user (/proc is mounted with hidepid): run as its "
                    "user or as root"};
    }
    if (status.ended())
        return {access_obstacle::zombie, target +
                                             " is a zombie and has no memory left; if threads of it are alive, open "
                                             "one by its own id from " +
                                             directory + "/task"};
    if (status.kernel_thread())
        return {access_obstacle::kernel_thread, target + " is a kernel thread and has no memory"};
    if (ec.value() == ESRCH) return {access_obstacle::gone, target + " has no memory any more: it is about to end"};
    const detail::file_descriptor mem(detail::sys::openat(place.get(), "mem", O_RDONLY | O_CLOEXEC));
    if (!mem && detail::is_exhaustion(detail::last_system_error())) return cannot_look();
    if (mem)
        return {access_obstacle::forbidden_call,
                "process_vm_readv is refused by a seccomp filter or missing in this kernel, but /proc/PID/mem can be "
                "opened: transfer_method::automatic and proc_mem use that; or allow the call in the container's "
                "profile"};
    return refused(id, directory);
}

}  // namespace vmio
