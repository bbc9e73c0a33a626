// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <span>
#include <system_error>

#include <sys/types.h>

#include <vmio/thread_registers.hpp>

namespace vmio::detail {

/// The types of all sets that core files of this machine hold.
std::span<const std::uint32_t> known_register_sets() noexcept;

/// Of a thread that the calling thread traces and that stands still, those sets of `types` that its machine has. ESRCH
/// if it has ended.
thread_registers read_registers(pid_t thread, std::span<const std::uint32_t> types, std::error_code& ec);

}  // namespace vmio::detail
