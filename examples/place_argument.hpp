// SPDX-License-Identifier: BSL-1.0
/// Numbers, addresses and ranges of a command line: one grammar for all tools.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <vmio/address.hpp>
#include <vmio/memory_map.hpp>

#include "text.hpp"
#include "usage_error.hpp"

namespace tool {

/// For the text of a command.
inline const std::string place_text =
    "\nAn address is hexadecimal, with or without 0x, as vmmap lists it, or NAME or NAME+OFFSET: [heap],\n"
    "[stack], a file's path or the last part of it. A size is decimal and may end in K, M, G or T, or hexadecimal\n"
    "after 0x.\n";

inline std::string in_quotes(std::string_view text) {
    return '\'' + printable_message(text) + '\'';
}

inline std::optional<std::uint64_t> digits_in(std::string_view digits, int base) {
    std::uint64_t value = 0;
    const char* const last = digits.data() + digits.size();
    const auto [end, error] = std::from_chars(digits.data(), last, value, base);
    return error == std::errc() && end == last ? std::optional(value) : std::nullopt;
}

/// The whole of `text` as a number; hexadecimal after 0x, else it may end in K, M, G or T: of 1024.
inline std::uint64_t number(std::string_view text) {
    constexpr std::string_view units = "KMGT";
    const std::size_t unit = text.empty() ? units.npos : units.find(text.back());
    const auto shift = unit == units.npos ? 0 : 10 * static_cast<unsigned>(unit + 1);
    const std::string_view digits = text.substr(0, text.size() - (shift > 0 ? 1 : 0));
    const auto value = shift == 0 && text.starts_with("0x") ? digits_in(text.substr(2), 16) : digits_in(digits, 10);
    if (!value) throw usage_error(in_quotes(text) + " is not a number: 4096, 4K, or 0x1000");
    if (*value > std::numeric_limits<std::uint64_t>::max() >> shift)
        throw usage_error(in_quotes(text) + " is more than 64 bits");
    return *value << shift;
}

/// Nothing if `text` is not an address in digits.
inline std::optional<vmio::address> address_in(std::string_view text) {
    return digits_in(text.starts_with("0x") ? text.substr(2) : text, 16);
}

/// The first mapping that is called so, with those of the same name that follow it without a gap.
inline std::optional<vmio::address_range> named_in(const vmio::memory_map& map, std::string_view name) {
    const auto fits = [&](const vmio::mapping& m) {
        return !name.empty() && (m.name == name || (m.name.starts_with('/') && m.name.ends_with(name) &&
                                                    m.name[m.name.size() - name.size() - 1] == '/'));
    };
    const auto first = std::find_if(map.begin(), map.end(), fits);
    if (first == map.end()) return std::nullopt;
    auto last = first;
    while (last + 1 != map.end() && last[1].range.start() == last->range.end() && last[1].name == first->name) ++last;
    return vmio::address_range(first->range.start(), last->range.end());
}

/// Addresses and ranges in a memory, by numbers and by the names of what is mapped.
class places {
public:
    /// `map` is called for a name only. `name`: of the memory, for errors. `symbol` finds other names.
    places(std::function<vmio::memory_map()> map, std::string name,
           std::function<std::optional<vmio::address>(std::string_view)> symbol = {})
        : map_(std::move(map)), name_(std::move(name)), symbol_(std::move(symbol)) {}

    /// ADDRESS, NAME, NAME+OFFSET.
    vmio::address address(const std::string& text) {
        if (const auto found = find(text)) return *found;
        fail(text, "an address: 0x..., or NAME+OFFSET");
    }

    /// START-END, START+SIZE, NAME. Nothing if it is a start alone.
    std::optional<vmio::address_range> range(const std::string& text) {
        if (address_in(text)) return std::nullopt;
        if (!is_number_like(text))
            if (const auto all = named(text)) return all;
        for (std::size_t dash = text.find('-'); dash != text.npos; dash = text.find('-', dash + 1)) {
            const auto start = find(text.substr(0, dash));
            const auto end = start ? find(text.substr(dash + 1)) : std::nullopt;
            if (!end) continue;
            if (*end < *start)
                throw usage_error("the range ends before it starts: 0x" + hex_text(*start) + "-0x" + hex_text(*end));
            return vmio::address_range(*start, *end);
        }
        // The last one: names may have one too, libstdc++.so.6, and [heap]+32+16 is at an offset.
        const std::size_t plus = text.rfind('+');
        if (plus != text.npos)
            if (const auto start = find(text.substr(0, plus))) return sized(*start, text.substr(plus + 1));
        if (find(text)) return std::nullopt;
        const bool has_size =
            plus + 1 < text.size() && text.find_first_not_of(number_characters, plus + 1) == text.npos;
        fail(has_size && plus != text.npos && !is_number_like(text) ? text.substr(0, plus) : text,
             "a range: START-END or START+SIZE, as in 0x1000-0x2000");
    }

private:
    static constexpr const char* hex_digits = "0123456789abcdefABCDEF";
    static constexpr const char* number_characters = "0123456789abcdefABCDEFxKMGT";

    static std::string hex_text(std::uint64_t value) {
        char digits[16];
        return {digits, std::to_chars(digits, digits + sizeof digits, value, 16).ptr};
    }
    /// An address, or a range of addresses, and not a name.
    static bool is_number_like(std::string_view text) {
        const std::size_t sign = text.find_first_of("-+");
        const std::string_view first = text.substr(0, sign);
        const std::string_view rest = sign == text.npos ? "" : text.substr(sign + 1);
        return text.starts_with("0x") || (!first.empty() && first.find_first_not_of(hex_digits) == first.npos &&
                                          rest.find_first_not_of(number_characters) == rest.npos);
    }
    static vmio::address_range sized(vmio::address start, std::string_view length) {
        const std::uint64_t size = number(length);
        if (size > ~start)
            throw usage_error("the range goes past the top of the address space: 0x" + hex_text(start) + " and " +
                              std::to_string(size) + " bytes");
        return vmio::address_range::of_size(start, size);
    }

    std::optional<vmio::address_range> named(std::string_view name) {
        if (!known_) known_ = map_();
        return named_in(*known_, name);
    }
    std::optional<vmio::address> find(const std::string& text) {
        if (const auto digits = address_in(text)) return digits;
        if (text.empty() || is_number_like(text)) return std::nullopt;
        if (const auto region = named(text)) return region->start();
        if (const auto found = symbol_ ? symbol_(text) : std::nullopt) return found;
        const std::size_t plus = text.rfind('+');
        if (plus == text.npos) return std::nullopt;
        const auto start = find(text.substr(0, plus));
        return start ? std::optional(*start + number(text.substr(plus + 1))) : std::nullopt;
    }
    [[noreturn]] void fail(const std::string& text, const char* wanted) const {
        const bool is_digit = !text.empty() && text[0] >= '0' && text[0] <= '9';
        if (text.empty() || is_digit || is_number_like(text)) throw usage_error(in_quotes(text) + " is not " + wanted);
        throw std::runtime_error("no region is called " + in_quotes(text) + ": 'vmmap " + name_ + "' lists them");
    }

    std::function<vmio::memory_map()> map_;
    std::string name_;
    std::function<std::optional<vmio::address>(std::string_view)> symbol_;
    std::optional<vmio::memory_map> known_;
};

}  // namespace tool
