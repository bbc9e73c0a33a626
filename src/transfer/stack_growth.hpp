// SPDX-License-Identifier: BSL-1.0
/// Kernels whose process_vm_readv(2) and process_vm_writev(2) grow a stack for an address below it, as if the target
/// itself had touched it. Later ones (6.5, and stable releases since) fail with EFAULT.
#pragma once

#include <cstddef>

#include <vmio/address.hpp>
#include <vmio/process.hpp>

namespace vmio::detail {

/// Returns: whether this kernel is one of these, as tried once on a stack of our own; true also if it cannot be tried.
bool calls_grow_stacks() noexcept;

/// Returns: how many of `size` bytes from `from` on are mapped, up to the first that is not; `size` if that cannot be
/// known. `pagemap`: a descriptor of /proc/PID/pagemap, or below 0. Does not change the target.
/// Cost: half a microsecond if all pages are present; else that of reading /proc/PID/maps up to them.
std::size_t mapped_part(const process& target, int pagemap, address from, std::size_t size) noexcept;

}  // namespace vmio::detail
