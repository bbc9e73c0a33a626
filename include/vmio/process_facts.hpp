// SPDX-License-Identifier: BSL-1.0
/// Facts of a live process that the kernel tells in /proc/PID: proc(5).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include <vmio/detail/config.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// An entry of the auxiliary vector, which the kernel gives a program: getauxval(3).
struct auxiliary_entry {
    std::uint64_t type = 0;   ///< AT_PHDR, AT_ENTRY and others of elf.h
    std::uint64_t value = 0;  ///< a number, or an address in the target

    friend bool operator==(const auxiliary_entry&, const auxiliary_entry&) noexcept = default;  ///< member by member
};

/// A thread of a process.
struct thread_facts {
    pid_t id = 0;      ///< of the thread; that of the first one is the PID
    std::string name;  ///< at most 15 bytes: pthread_setname_np(3)
    char state = '?';  ///< R running, S asleep, D in the kernel, T stopped, t traced, Z ended: proc_pid_stat(5)
};

/// A limit of what a process may use: getrlimit(2).
struct resource_limit {
    static constexpr std::uint64_t unlimited = ~std::uint64_t{0};  ///< no limit

    std::string name;        ///< as the kernel writes it: "Max open files"
    std::uint64_t soft = 0;  ///< in the unit
    std::uint64_t hard = 0;  ///< in the unit
    std::string unit;        ///< "bytes", "files" and others; empty: a number
};

/// Returns: the arguments of the program, its name first; or what it has written over them. Empty for a zombie.
/// Errors: memory_error, as for all of these: ESRCH, the process has ended; ESTALE, it has called exec(2); EACCES or
/// EPERM for what needs the permission to read its memory: environment, auxiliary vector and executable.
VMIO_EXPORT std::vector<std::string> arguments_of(const process& target);
/// Returns: the environment that the program was started with, NAME=VALUE each: the program's own changes are
/// elsewhere.
VMIO_EXPORT std::vector<std::string> environment_of(const process& target);
/// Returns: the path of the program's file, as seen from this process's root; with " (deleted)" behind it if that is
/// so.
VMIO_EXPORT std::string executable_of(const process& target);
/// Returns: the auxiliary vector without its end, AT_NULL.
VMIO_EXPORT std::vector<auxiliary_entry> auxiliary_vector_of(const process& target);
/// Returns: the threads, by id. One that ends meanwhile may be missing.
VMIO_EXPORT std::vector<thread_facts> threads_of(const process& target);
/// Returns: the limits, in the kernel's order.
VMIO_EXPORT std::vector<resource_limit> limits_of(const process& target);

}  // namespace vmio
