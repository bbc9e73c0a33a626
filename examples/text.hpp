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
        int width = decoded && character != L'\\' ? ::wcwidth(character) : -1;
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
        } else if (first < 0x20 || first == 0x7f) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(first));
            text += escaped;
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
