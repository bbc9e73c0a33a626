// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vmio/error.hpp>
#include <vmio/process.hpp>

#include "process/proc_file.hpp"

namespace vmio::detail {

/// To be called after a copy: checks that all bytes are of the program that `target` was opened on. A live address
/// space is not sufficient: another process that shares it (vfork(2), CLONE_VM) can keep it beyond exec.
/// Errors: memory_error: ESRCH if the process has ended, ESTALE after exec.
inline void check_program(const process& target, const char* operation) {
    if (const std::error_code ec = lost_program(target)) throw memory_error(operation, target.id(), 0, ec);
}

}  // namespace vmio::detail
