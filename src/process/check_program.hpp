// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <vmio/error.hpp>
#include <vmio/process.hpp>

#include "base/system_error.hpp"
#include "process/proc_file.hpp"

namespace vmio::detail {

/// After bytes were copied: all of them are of the program that `target` was opened on. That the address space still
/// exists is not enough: another process that shares it (vfork(2), CLONE_VM) can keep it beyond exec.
/// Errors: memory_error: ESRCH if the process has ended, ESTALE after exec.
inline void check_program(const process& target, const char* operation) {
    std::error_code ec = lost_program(target);
    if (!ec && target.maps() >= 0 && !target.same_program()) ec = system_error_of(target.alive() ? ESTALE : ESRCH);
    if (ec) throw memory_error(operation, target.id(), 0, ec);
}

}  // namespace vmio::detail
