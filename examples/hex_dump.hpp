// SPDX-License-Identifier: BSL-1.0
/// Bytes for people to read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>

#include <vmio/memory_gap.hpp>

namespace tool {

/// Appends rows of sixteen bytes, and the text of those that are ASCII:
/// "7f3a2c001230  73 65 63 72 65 74 00 --  -- -- -- -- -- -- -- --  |secret.         |". Bytes in `gaps`, which are
/// sorted, are dashes; a row of nothing else is left out.
inline void append_hex_dump(std::string& rows, vmio::address start, std::span<const std::byte> bytes,
                            std::span<const vmio::memory_gap> gaps) {
    static constexpr char digits[] = "0123456789abcdef";
    constexpr std::size_t width = 16;
    for (std::size_t first = 0; first < bytes.size(); first += width) {
        const std::size_t count = std::min(width, bytes.size() - first);
        const auto row = vmio::address_range::of_size(start + first, count);
        while (!gaps.empty() && gaps.front().range.end() <= row.start()) gaps = gaps.subspan(1);
        const bool whole = gaps.empty() || gaps.front().range.start() >= row.end();
        if (!whole && gaps.front().range.contains(row)) continue;
        char hex[2 + width * 3 + 1];
        std::fill(std::begin(hex), std::end(hex), ' ');
        std::size_t lost = 0;
        char text[width];
        for (std::size_t i = 0; i < count; ++i) {
            const auto value = std::to_integer<unsigned char>(bytes[first + i]);
            const auto holds = [&](const vmio::memory_gap& gap) { return gap.range.contains(row.start() + i); };
            const bool gone = !whole && std::any_of(gaps.begin(), gaps.end(), holds);
            char* const pair = &hex[2 + i * 3 + (i >= width / 2)];
            pair[0] = gone ? '-' : digits[value >> 4];
            pair[1] = gone ? '-' : digits[value & 15];
            text[i] = gone ? ' ' : value >= ' ' && value < 127 ? static_cast<char>(value) : '.';
            lost += gone;
        }
        if (lost == count) continue;
        for (int shift = row.start() >> 48 ? 60 : 44; shift >= 0; shift -= 4) rows += digits[row.start() >> shift & 15];
        rows.append(hex, sizeof hex).append(" |").append(text, count).append("|\n");
    }
}

}  // namespace tool
