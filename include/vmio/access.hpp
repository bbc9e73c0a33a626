// SPDX-License-Identifier: BSL-1.0
/// Why a process's memory cannot be accessed, and what would help.
#pragma once

#include <string>

#include <sys/types.h>

#include <vmio/detail/config.hpp>

namespace vmio {

/// What is in the way.
enum class access_obstacle {
    none,                  ///< it can be accessed
    invalid_id,            ///< below 1
    gone,                  ///< no process has this id
    zombie,                ///< it has ended, and its parent has not waited for it; or its main thread has ended
    kernel_thread,         ///< it has no memory of its own
    other_user,            ///< it runs as another user
    not_dumpable,          ///< prctl(2), PR_SET_DUMPABLE; also a program that is set-user-ID or cannot be read
    ptrace_scope,          ///< Yama: Documentation/admin-guide/LSM/Yama.rst
    other_user_namespace,  ///< it lives in one where we have no rights: user_namespaces(7)
    forbidden_call,        ///< a seccomp filter on this process, or the kernel, refuses process_vm_readv(2)
    no_proc,               ///< /proc is not mounted, or is that of another pid namespace: pid_namespaces(7)
    unknown,               ///< it is refused; perhaps by a security module
};

/// What diagnose_access() has found.
struct access_diagnosis {
    access_obstacle obstacle = access_obstacle::none;  ///< the first that was met
    std::string text;  ///< a sentence: what is in the way and what would help; empty for none
};

/// Tries, and looks around in /proc if that is refused. It tells the state of a moment; an id may be another process's
/// by now. Nothing is read from the target or written to it. Tens of microseconds. memory_error::what() uses its words.
VMIO_EXPORT access_diagnosis diagnose_access(pid_t id);

}  // namespace vmio
