// SPDX-License-Identifier: BSL-1.0
/// The one place that reads errno.
#pragma once

#include <cerrno>
#include <system_error>

namespace vmio::detail {

/// errno as an error code. Precondition: called right after a system call that failed.
inline std::error_code last_system_error() noexcept {
    return {errno, std::system_category()};
}

inline std::error_code system_error_of(int number) noexcept {
    return {number, std::system_category()};
}

/// Whether this process lacks descriptors or memory, which is unrelated to the target.
inline bool is_exhaustion(const std::error_code& ec) noexcept {
    return ec.value() == EMFILE || ec.value() == ENFILE || ec.value() == ENOMEM;
}

}  // namespace vmio::detail
