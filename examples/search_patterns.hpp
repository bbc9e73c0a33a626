// SPDX-License-Identifier: BSL-1.0
/// What vmgrep looks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <vmio/byte_pattern.hpp>

#include "place_argument.hpp"
#include "text.hpp"
#include "usage_error.hpp"

namespace tool {

struct wanted_pattern {
    vmio::byte_pattern pattern;
    std::size_t alignment = 1;
};

/// How text is looked for.
struct text_options {
    bool any_case = false;  ///< of the letters of ASCII
    bool utf16 = false;     ///< little-endian, as in Java, .NET and Windows programs
};

/// UTF-8 as UTF-16LE.
inline std::string utf16_of(std::string_view text) {
    std::string units;
    const auto add = [&](std::uint32_t unit) {
        units += static_cast<char>(unit & 0xff);
        units += static_cast<char>(unit >> 8);
    };
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) throw usage_error(in_quotes(text) + " is not UTF-8, as --utf16 needs it");
        const std::uint32_t character = utf8_character(text, length);
        if (character > 0xffff) {
            add(0xd7c0 + (character >> 10));
            add(0xdc00 + (character & 0x3ff));
        } else {
            add(character);
        }
        text.remove_prefix(length);
    }
    return units;
}

inline vmio::byte_pattern text_pattern(const std::string& text, const text_options& how) {
    const std::string bytes = how.utf16 ? utf16_of(text) : text;
    if (!how.any_case) return vmio::byte_pattern::text(bytes);
    constexpr auto case_bit = std::byte{0x20};
    std::vector<std::byte> mask(bytes.size(), std::byte{0xff});
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const char lower = static_cast<char>(bytes[i] | 0x20);
        const bool of_ascii = !how.utf16 || (i % 2 == 0 && bytes[i + 1] == '\0');
        if (of_ascii && lower >= 'a' && lower <= 'z') mask[i] &= ~case_bit;
    }
    return {std::as_bytes(std::span(bytes)), mask};
}

template <class Number>
wanted_pattern number_pattern(const std::string& text) {
    const std::uint64_t value = number(text);
    if (value > std::numeric_limits<Number>::max()) throw usage_error(text + " does not fit");
    return {vmio::byte_pattern::value(static_cast<Number>(value)), sizeof(Number)};
}

/// The lines of a file, or of the standard input for "-", but for empty ones.
inline std::vector<std::string> lines_of_file(const std::string& path) {
    std::ifstream file;
    if (path != "-") file.open(path);
    if (path != "-" && !file) throw std::runtime_error("cannot open " + path);
    std::istream& from = path == "-" ? std::cin : file;
    std::vector<std::string> lines;
    for (std::string line; std::getline(from, line);)
        if (!line.empty()) lines.push_back(line);
    if (from.bad() || !from.eof()) throw std::runtime_error("cannot read " + path + " to its end");
    return lines;
}

}  // namespace tool
