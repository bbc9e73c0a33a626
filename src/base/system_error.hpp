// SPDX-License-Identifier: BSL-1.0
/// The one place that reads errno.
#pragma once

#include <cerrno>
#include <system_error>

namespace vmio::detail {

/// Call it right after the system call that failed, and only then.
inline std::error_code last_system_error() noexcept {
    return {errno, std::system_category()};
}

inline std::error_code system_error_of(int number) noexcept {
    return {number, std::system_category()};
}

/// We have run out of something; it says nothing about the target.
inline bool is_exhaustion(const std::error_code& ec) noexcept {
    return ec.value() == EMFILE || ec.value() == ENFILE || ec.value() == ENOMEM;
}

}  // namespace vmio::detail
