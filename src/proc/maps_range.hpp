// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <charconv>
#include <string_view>

#include <vmio/address.hpp>

namespace vmio::detail {

/// The range at the start of a line of /proc/PID/maps or smaps; empty if there is none.
inline address_range range_of_line(std::string_view line) noexcept {
    address start = 0;
    address end = 0;
    const char* const stop = line.data() + line.size();
    const auto first = std::from_chars(line.data(), stop, start, 16);
    if (first.ec != std::errc() || first.ptr == stop || *first.ptr != '-') return {};
    const auto second = std::from_chars(first.ptr + 1, stop, end, 16);
    if (second.ec != std::errc() || end < start) return {};
    return {start, end};
}

}  // namespace vmio::detail
