// SPDX-License-Identifier: BSL-1.0
/// memory_error of a process, or a file of /proc/PID, that could not be opened.
#pragma once

#include <string>
#include <system_error>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/error.hpp>

namespace vmio::detail {

/// Explanation and remedy by diagnose_access() for an error of opening the process `id` or one of its files. Empty for
/// errors other than ESRCH, EPERM, EACCES and ENOSYS, and for an id below 1: a process opened by in_proc() has none.
std::string opening_advice(pid_t id, const std::error_code& ec);

/// The error with that advice.
inline memory_error opening_error(const char* operation, pid_t id, address where, const std::error_code& ec) {
    return {operation, id, where, ec, opening_advice(id, ec)};
}

}  // namespace vmio::detail
