// SPDX-License-Identifier: BSL-1.0
/// Names come from others and may hold any byte: made fit for a terminal, and for JSON.
#pragma once

#include <cstdio>
#include <cstring>
#include <cwchar>
#include <limits>
#include <string>
#include <string_view>

#include <langinfo.h>
#include <wchar.h>

namespace tool {

/// Whether the locale that was set writes in UTF-8.
inline bool locale_is_utf8() {
    return std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
}

/// Characters that are not seen, or change the order of others, so that a name could pass for another one: marks of
/// direction, spaces and joiners of no width, separators of lines, tags.
inline bool is_deceptive(char32_t c) {
    return (c >= 0x80 && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

/// What the locale cannot print, control characters, and backslashes as \ooo: printf '%b' undoes it. At most so many
/// columns of a terminal.
inline std::string printable(std::string_view bytes, std::size_t columns = std::numeric_limits<std::size_t>::max()) {
    std::string text;
    std::size_t length = 1;
    for (; !bytes.empty(); bytes.remove_prefix(length)) {
        wchar_t character = 0;
        std::mbstate_t fresh{};
        length = std::mbrtowc(&character, bytes.data(), bytes.size(), &fresh);
        const bool decoded = length >= 1 && length <= bytes.size();
        if (!decoded) length = 1;
        std::string shown(bytes.substr(0, length));
        int width = decoded && character != L'\\' && !is_deceptive(static_cast<char32_t>(character))
                        ? ::wcwidth(character)
                        : -1;
        if (width < 0) {
            shown.clear();
            for (const char byte : bytes.substr(0, length)) {
                char octal[8];
                std::snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned>(static_cast<unsigned char>(byte)));
                shown += octal;
            }
            width = static_cast<int>(shown.size());
        }
        if (static_cast<std::size_t>(width) > columns) break;
        columns -= static_cast<std::size_t>(width);
        text += shown;
    }
    return text;
}

/// The length of the character that `text` begins with; 0 if it is not UTF-8 (RFC 3629).
inline std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const unsigned first = byte(0);
    if (first < 0x80) return text.empty() ? 0 : 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    // Not longer than need be, no surrogates, nothing above U+10FFFF.
    const unsigned lowest = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned highest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte(1) < lowest || byte(1) > highest) return 0;
    const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    for (std::size_t i = 2; i < length; ++i)
        if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
    return length;
}

inline bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

/// The character that `text`, whose length is that of utf8_length(), is.
inline char32_t utf8_character(std::string_view text) {
    const auto bits = [&](std::size_t i) { return static_cast<unsigned char>(text[i]) & 0x3fU; };
    const auto first = static_cast<unsigned char>(text[0]);
    switch (text.size()) {
        case 2: return (first & 0x1fU) << 6 | bits(1);
        case 3: return (first & 0xfU) << 12 | bits(1) << 6 | bits(2);
        case 4: return (first & 7U) << 18 | bits(1) << 12 | bits(2) << 6 | bits(3);
        default: return first;
    }
}

/// As an escape of JSON, or a pair of them.
inline std::string json_escape(char32_t c) {
    char text[16];
    if (c < 0x10000)
        std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(c));
    else
        std::snprintf(text, sizeof text, "\\u%04x\\u%04x", static_cast<unsigned>(0xd800 + ((c - 0x10000) >> 10)),
                      static_cast<unsigned>(0xdc00 + ((c - 0x10000) & 0x3ff)));
    return text;
}

/// As a string of JSON (RFC 8259), with U+FFFD for each byte that is not UTF-8.
inline std::string json_string(std::string_view bytes) {
    std::string text = "\"";
    std::size_t length = 1;
    for (; !bytes.empty(); bytes.remove_prefix(length)) {
        length = utf8_length(bytes);
        const auto first = static_cast<unsigned char>(bytes[0]);
        if (length == 0) {
            text += "\\ufffd";
            length = 1;
        } else if (const char32_t c = utf8_character(bytes.substr(0, length));
                   c < 0x20 || c == 0x7f || is_deceptive(c)) {
            text += json_escape(c);
        } else {
            if (first == '"' || first == '\\') text += '\\';
            text += bytes.substr(0, length);
        }
    }
    return text + '"';
}

/// As a string of JSON, two hexadecimal digits a byte.
inline std::string json_hex(std::string_view bytes) {
    std::string text = "\"";
    for (const char byte : bytes) {
        char digits[4];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
        text += digits;
    }
    return text + '"';
}

}  // namespace tool
