// SPDX-License-Identifier: BSL-1.0
/// Register sets of a stopped thread, by ptrace(2).
#pragma once

#include <cstdint>
#include <span>
#include <system_error>

#include <sys/types.h>

#include <vmio/thread_registers.hpp>

namespace vmio::detail {

/// Returns: the types of all register sets that core files of this machine hold.
std::span<const std::uint32_t> known_register_sets() noexcept;

/// Reads those sets of `types` that the machine has. Precondition: the thread is stopped, and traced by the calling
/// thread.
/// Errors: ESRCH, the thread has ended.
thread_registers read_registers(pid_t thread, std::span<const std::uint32_t> types, std::error_code& ec);

/// Sets a thread's registers to what read_registers() has read, without what belongs to its machine or its stop. A
/// system call that it waited in then begins again when the thread is let go; one that would only have waited for the
/// rest of a time returns EINTR (x86-64).
/// Precondition: the thread has been stopped by PTRACE_INTERRUPT, and is traced by the calling thread.
std::error_code write_registers(pid_t thread, const thread_registers& from);

}  // namespace vmio::detail
