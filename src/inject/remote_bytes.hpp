// SPDX-License-Identifier: BSL-1.0
/// A few bytes of a stopped process, by process_vm_readv(2) and process_vm_writev(2): unlike /proc/PID/mem they let no
/// stack grow, and leave the rest of its memory as it is.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <type_traits>

#include <sys/uio.h>

#include <vmio/address.hpp>

#include "base/system_error.hpp"

namespace vmio::detail {

/// Errors: EFAULT also if only a part can be read.
inline std::error_code read_remote(pid_t process, address from, std::span<std::byte> to) noexcept {
    const iovec local{to.data(), to.size()};
    const iovec remote{reinterpret_cast<void*>(static_cast<std::uintptr_t>(from)), to.size()};
    const ssize_t got = ::process_vm_readv(process, &local, 1, &remote, 1, 0);
    if (got < 0) return last_system_error();
    return got == static_cast<ssize_t>(to.size()) ? std::error_code() : system_error_of(EFAULT);
}

/// Errors: EFAULT also if only a part can be written.
inline std::error_code write_remote(pid_t process, address to, std::span<const std::byte> from) noexcept {
    const iovec local{const_cast<std::byte*>(from.data()), from.size()};
    const iovec remote{reinterpret_cast<void*>(static_cast<std::uintptr_t>(to)), from.size()};
    const ssize_t got = ::process_vm_writev(process, &local, 1, &remote, 1, 0);
    if (got < 0) return last_system_error();
    return got == static_cast<ssize_t>(from.size()) ? std::error_code() : system_error_of(EFAULT);
}

template <class T>
std::error_code read_remote_value(pid_t process, address from, T& to) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    return read_remote(process, from, std::as_writable_bytes(std::span(&to, 1)));
}

}  // namespace vmio::detail
