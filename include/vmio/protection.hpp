// SPDX-License-Identifier: BSL-1.0
/// Page protections of a view.
#pragma once

namespace vmio {

/// A set of flags, as of mprotect(2). On some machines writable or executable pages are always readable.
enum class protection : unsigned {
    none = 0,
    read = 1,
    write = 2,
    execute = 4,
    read_write = read | write,
    read_execute = read | execute,
    read_write_execute = read | write | execute,
};

/// Union and intersection.
/// @{
constexpr protection operator|(protection a, protection b) noexcept {
    return static_cast<protection>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr protection operator&(protection a, protection b) noexcept {
    return static_cast<protection>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
/// @}

}  // namespace vmio
