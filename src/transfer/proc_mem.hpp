// SPDX-License-Identifier: BSL-1.0
/// Transfers by /proc/PID/mem.
#pragma once

#include <cstddef>
#include <span>
#include <system_error>

#include <vmio/address.hpp>
#include <vmio/process.hpp>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// Bound to the memory that it was opened on: after exit or exec all transfers fail, even if the PID is recycled or
/// another process still uses that memory. Opened read-only where writing is refused.
///
/// The kernel ignores protections here, and grows a stack for an address below it. So every transfer looks up the
/// mapping first, and never touches unmapped addresses: 0.4 microseconds more than the transfer itself.
class proc_mem {
public:
    enum class protections { honour, ignore };

    proc_mem(const process& target, std::error_code& ec) noexcept;

    /// As read_some() and write_some() of a memory.
    /// Errors: EFAULT, not mapped, or forbidden by protections that are honoured; EIO, the kernel cannot access the
    /// page; ESTALE, the memory is gone, or no longer belongs to the process.
    std::size_t read_some(address from, std::span<std::byte> to, protections, std::error_code& ec) const noexcept;
    std::size_t write_some(address to, std::span<const std::byte> from, protections,
                           std::error_code& ec) const noexcept;

    /// Returns: why writing is impossible if reading is possible.
    const std::error_code& write_error() const noexcept { return write_error_; }

private:
    template <class Move>
    std::size_t transfer(address remote, std::size_t size, bool writing, protections, Move&&,
                         std::error_code& ec) const noexcept;

    process target_;
    file_descriptor file_;
    std::error_code write_error_;  // of opening the file for writing, where it could be opened for reading
};

}  // namespace vmio::detail
