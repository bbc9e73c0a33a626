// SPDX-License-Identifier: BSL-1.0
/// Names come from others and may hold any byte: made fit for a terminal, and for JSON.
#pragma once

#include <cstdint>
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

/// Whether a terminal or a reader does not see it, or sees what follows it in another order: control characters (C0 and
/// C1), marks of direction, characters without a width that join to nothing, tags. Such a name is not what it looks
/// like.
inline bool is_deceptive(std::uint32_t character) {
    struct interval {
        std::uint32_t first, last;
    };
    static constexpr interval all[]{
        {0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},
        {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
        {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
        {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (const interval& i : all)
        if (character >= i.first && character <= i.last) return true;
    return false;
}

/// What the locale cannot print, is_deceptive(), or is in `also`, as \ooo. At most so many columns of a terminal.
inline std::string escaped(std::string_view bytes, std::string_view also, std::size_t columns) {
    std::string text;
    std::size_t length = 1;
    for (; !bytes.empty(); bytes.remove_prefix(length)) {
        wchar_t character = 0;
        std::mbstate_t fresh{};
        length = std::mbrtowc(&character, bytes.data(), bytes.size(), &fresh);
        const bool decoded = length >= 1 && length <= bytes.size();
        if (!decoded) length = 1;
        std::string shown(bytes.substr(0, length));
        const bool shows =
            decoded && !is_deceptive(static_cast<std::uint32_t>(character)) && also.find(bytes[0]) == also.npos;
        int width = shows ? ::wcwidth(character) : -1;
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

/// Of a name: backslashes are escaped, too, so that printf '%b' undoes it.
inline std::string printable(std::string_view bytes, std::size_t columns = std::numeric_limits<std::size_t>::max()) {
    return escaped(bytes, "\\", columns);
}

/// Of a message that may have names in it: its lines are kept.
inline std::string printable_message(std::string_view message) {
    std::string text;
    for (std::size_t end = 0; end != message.npos; message.remove_prefix(end == message.npos ? 0 : end + 1)) {
        end = message.find('\n');
        text += escaped(message.substr(0, end), "", std::numeric_limits<std::size_t>::max());
        if (end != message.npos) text += '\n';
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

/// The first character, of `length` bytes.
inline std::uint32_t utf8_character(std::string_view text, std::size_t length) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    std::uint32_t character = length == 1 ? byte(0) : byte(0) & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i) character = character << 6 | (byte(i) & 0x3fu);
    return character;
}

/// \uXXXX, two of them above U+FFFF.
inline std::string json_escape(std::uint32_t character) {
    char text[16];
    if (character > 0xffff)
        std::snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xd7c0 + (character >> 10), 0xdc00 + (character & 0x3ff));
    else
        std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(character));
    return text;
}

/// As a string of JSON (RFC 8259), with U+FFFD for each byte that is not UTF-8; what is_deceptive() is escaped.
inline std::string json_string(std::string_view bytes) {
    std::string text = "\"";
    std::size_t length = 1;
    for (; !bytes.empty(); bytes.remove_prefix(length)) {
        length = utf8_length(bytes);
        if (length == 0) {
            text += "\\ufffd";
            length = 1;
        } else if (const std::uint32_t character = utf8_character(bytes, length); is_deceptive(character)) {
            text += json_escape(character);
        } else {
            if (bytes[0] == '"' || bytes[0] == '\\') text += '\\';
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
