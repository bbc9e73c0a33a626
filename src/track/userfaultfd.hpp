// SPDX-License-Identifier: BSL-1.0
/// A userfaultfd(2) of another process, for asynchronous write protection: the kernel lets every write through, and
/// remembers that it took place.
#pragma once

#include <system_error>

#include <vmio/address.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// Whether this kernel has all that is needed: asynchronous write protection and PAGEMAP_SCAN (Linux 6.7). Determined
/// once, on memory of this process.
bool has_write_protection();

/// Makes a userfaultfd(2) in the target, by one call in one of its threads, and takes it over, so that the target does
/// not have it.
/// Errors: those of pause_guard and with_injected_calls(); EOPNOTSUPP, the target may not make one.
file_descriptor take_userfaultfd(const process& target, const pause_options& limits);

/// Registers whole mappings for write protection.
/// Errors: EBUSY, another userfaultfd has one of them; EINVAL or EPERM, not possible for such a mapping; ESRCH.
std::error_code register_range(int userfaultfd, const address_range& mappings) noexcept;

}  // namespace vmio::detail
