// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vmio/process.hpp>

#include "inject/signal_frame.hpp"

namespace vmio::detail {

/// Finds instructions to make calls with: in [vdso] first, then in other executable mappings.
/// Errors: memory_error with EOPNOTSUPP, there are none; those of process::maps() and process_vm_readv(2).
call_instructions find_call_instructions(const process& target);

}  // namespace vmio::detail
