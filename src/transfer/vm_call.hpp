// SPDX-License-Identifier: BSL-1.0
/// Transfers of one range by process_vm_readv(2) or process_vm_writev(2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <system_error>

#include <sys/types.h>
#include <sys/uio.h>

#include <vmio/address.hpp>

#include "base/system_error.hpp"
#include "transfer/iovec_batch.hpp"

namespace vmio::detail {

using vm_call = ssize_t (*)(pid_t, const iovec*, unsigned long, const iovec*, unsigned long, unsigned long);

/// Transfers batch by batch and stops after a partial batch, since later bytes would go to the wrong position. A large
/// range is divided among up to `threads` threads; then bytes after a gap may also have been transferred, to their
/// proper position, but are not counted.
/// Returns: the number of bytes transferred; sets `ec` only if that is 0.
std::size_t transfer_in_batches(vm_call call, pid_t id, address remote, std::byte* local, std::size_t size,
                                unsigned threads, std::error_code& ec) noexcept;

/// The same. A range that fits into one iovec, as most do, needs no batch. Inline, since branch prediction is cold
/// after a system call, so that every call or jump on this path costs.
inline std::size_t transfer(vm_call call, pid_t id, address remote, std::byte* local, std::size_t size,
                            unsigned threads, std::error_code& ec) noexcept {
    if (size > iovec_batch::default_run || size - 1 > ~remote) [[unlikely]]
        return transfer_in_batches(call, id, remote, local, size, threads, ec);
    const iovec here{local, size};
    const iovec there{reinterpret_cast<void*>(static_cast<std::uintptr_t>(remote)), size};
    const ssize_t moved = call(id, &here, 1, &there, 1, 0);
    if (moved >= 0) [[likely]]
        return static_cast<std::size_t>(moved);
    ec = last_system_error();
    return 0;
}

/// Returns: the error of `call` for a byte of this process's own memory, which the kernel permits: an error means that
/// the call does not exist, or that a seccomp filter refuses it.
std::error_code refusal_of(vm_call call) noexcept;

/// Whether `ec`, an error of `call`, means that the call cannot be used at all, rather than a bad address or an ended
/// process. EPERM may also mean that access to the process is refused: opening its memory file distinguishes the two.
inline bool is_forbidden(vm_call call, const std::error_code& ec) noexcept {
    switch (ec.value()) {
        case 0:
        case EFAULT:
        case ESRCH:
        case ENOMEM: return false;
        case ENOSYS:
        case EPERM: return true;
        default: return static_cast<bool>(refusal_of(call));  // a filter may return any errno
    }
}

}  // namespace vmio::detail
