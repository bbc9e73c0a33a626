// SPDX-License-Identifier: BSL-1.0
/// One range by process_vm_readv(2) or process_vm_writev(2).
#pragma once

#include <cstddef>
#include <system_error>

#include <sys/types.h>
#include <sys/uio.h>

#include <vmio/address.hpp>

namespace vmio {

using vm_call = ssize_t (*)(pid_t, const iovec*, unsigned long, const iovec*, unsigned long, unsigned long);

/// Asks for batch after batch and stops where the kernel stopped: what lies behind a short batch is never tried, since
/// its bytes would land in the wrong place. Returns the bytes moved; sets ec only if there are none.
std::size_t transfer(vm_call call, pid_t id, address remote, std::byte* local, std::size_t size,
                     std::error_code& ec) noexcept;

/// The same, shared among up to `threads` threads if it is large. What lies behind a gap may have been moved too, at
/// its place, and is not counted.
std::size_t transfer(vm_call call, pid_t id, address remote, std::byte* local, std::size_t size, unsigned threads,
                     std::error_code& ec) noexcept;

}  // namespace vmio
