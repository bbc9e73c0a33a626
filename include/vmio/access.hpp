// SPDX-License-Identifier: BSL-1.0
/// Diagnosis of refused access to a process's memory.
#pragma once

#include <string>

#include <sys/types.h>

#include <vmio/detail/config.hpp>

namespace vmio {

/// What prevents access.
enum class access_obstacle {
    none,                  ///< nothing: it can be accessed
    invalid_id,            ///< the PID is below 1
    gone,                  ///< no process has this PID
    zombie,                ///< it has ended and was not waited for; or its first thread has ended
    kernel_thread,         ///< a kernel thread, without memory of its own
    other_user,            ///< it runs as another user
    not_dumpable,          ///< prctl(2), PR_SET_DUMPABLE; also a program that is set-user-ID or cannot be read
    ptrace_scope,          ///< Yama: Documentation/admin-guide/LSM/Yama.rst
    other_user_namespace,  ///< its user namespace grants the caller no rights: user_namespaces(7)
    forbidden_call,        ///< a seccomp filter on this process, or the kernel, refuses process_vm_readv(2)
    no_proc,               ///< /proc is not mounted, or is that of another pid namespace: pid_namespaces(7)
    unknown,               ///< refused for no reason that can be seen, such as by a security module
};

/// The result of diagnose_access().
struct access_diagnosis {
    access_obstacle obstacle = access_obstacle::none;  ///< the first that was found
    std::string text;                                  ///< explanation and remedy in one sentence; empty for none
};

/// Tries to access the memory of the process `id` and, if that is refused, looks in /proc for the reason. Reads nothing
/// from the target and writes nothing to it. Errors of opening a process or its memory have this text in what().
/// Cost: tens of microseconds.
/// Races: the result is of one moment; the PID may have been recycled since.
VMIO_EXPORT access_diagnosis diagnose_access(pid_t id);

}  // namespace vmio
