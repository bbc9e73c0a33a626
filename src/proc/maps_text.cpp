// SPDX-License-Identifier: BSL-1.0
#include "proc/maps_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace vmio::detail {
namespace {

constexpr std::uint8_t no_digit = 0xff;

constexpr std::array<std::uint8_t, 256> hex_digits = [] {
    std::array<std::uint8_t, 256> table{};
    table.fill(no_digit);
    for (unsigned i = 0; i < 10; ++i) table['0' + i] = static_cast<std::uint8_t>(i);
    for (unsigned i = 0; i < 6; ++i) table['a' + i] = static_cast<std::uint8_t>(10 + i);
    return table;
}();

/// A position in a line. After the first syntax error good() is false.
class line_cursor {
public:
    explicit line_cursor(std::string_view line) noexcept : at_(line.data()), end_(line.data() + line.size()) {}

    bool good() const noexcept { return good_; }
    bool at_end() const noexcept { return at_ == end_; }

    /// Parses a number of at most `most_digits` hexadecimal digits, and the byte after it.
    std::uint64_t hex(std::ptrdiff_t most_digits, char behind) noexcept {
        const char* const first = at_;
        std::uint64_t value = 0;
        for (; at_ != end_; ++at_) {
            const std::uint8_t digit = hex_digits[static_cast<unsigned char>(*at_)];
            if (digit == no_digit) break;
            value = value << 4 | digit;
        }
        good_ &= at_ != first && at_ - first <= most_digits;
        expect(behind);
        return value;
    }

    std::uint64_t decimal() noexcept {
        constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
        const char* const first = at_;
        std::uint64_t value = 0;
        for (; at_ != end_ && *at_ >= '0' && *at_ <= '9'; ++at_) {
            const auto digit = static_cast<std::uint64_t>(*at_ - '0');
            good_ &= value < most / 10 || (value == most / 10 && digit <= most % 10);
            value = value * 10 + digit;
        }
        good_ &= at_ != first;
        return value;
    }

    /// Parses the character `set` or `clear`.
    bool flag(char set, char clear) noexcept {
        if (at_ == end_ || (*at_ != set && *at_ != clear)) {
            good_ = false;
            return false;
        }
        return *at_++ == set;
    }

    void expect(char c) noexcept {
        if (at_ != end_ && *at_ == c)
            ++at_;
        else
            good_ = false;
    }

    /// Returns: the rest without leading spaces. No name that the kernel writes begins with one.
    std::string_view name() noexcept {
        while (at_ != end_ && *at_ == ' ') ++at_;
        return {at_, static_cast<std::size_t>(end_ - at_)};
    }

private:
    const char* at_;
    const char* end_;
    bool good_ = true;
};

void replace_all(std::string& text, std::string_view what, std::string_view by) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
        text.replace(at, what.size(), by);
}

void append(std::vector<mapping>& sorted, mapping&& m) {
    while (!sorted.empty() && sorted.back().range.end() > m.range.start()) {
        mapping& before = sorted.back();
        if (before.range.start() < m.range.start()) {
            before.range = {before.range.start(), m.range.start()};
            break;
        }
        sorted.pop_back();
    }
    sorted.push_back(std::move(m));
}

}  // namespace

bool parse_maps_line(std::string_view line, maps_line& to) noexcept {
    line_cursor at(line);
    const address start = at.hex(16, '-');
    const address end = at.hex(16, ' ');
    to.perms.read = at.flag('r', '-');
    to.perms.write = at.flag('w', '-');
    to.perms.execute = at.flag('x', '-');
    to.perms.shared = at.flag('s', 'p');
    at.expect(' ');
    to.offset = at.hex(16, ' ');
    to.device_major = static_cast<std::uint32_t>(at.hex(8, ':'));
    to.device_minor = static_cast<std::uint32_t>(at.hex(8, ' '));
    to.inode = at.decimal();
    if (!at.at_end()) at.expect(' ');
    if (!at.good() || end <= start) return false;
    to.range = {start, end};
    to.name = at.name();
    return true;
}

void to_mapping(const maps_line& line, mapping& to) {
    to.range = line.range;
    to.perms = line.perms;
    to.offset = line.offset;
    to.device_major = line.device_major;
    to.device_minor = line.device_minor;
    to.inode = line.inode;
    to.name.assign(line.name);
    take_deleted_mark(to);
    if (line.name.find('\\') != std::string_view::npos) replace_all(to.name, newline_mark, "\n");
}

address_range range_of_line(std::string_view line) noexcept {
    address start = 0;
    address end = 0;
    const char* const stop = line.data() + line.size();
    const auto first = std::from_chars(line.data(), stop, start, 16);
    if (first.ec != std::errc() || first.ptr == stop || *first.ptr != '-') return {};
    const auto second = std::from_chars(first.ptr + 1, stop, end, 16);
    if (second.ec != std::errc() || end < start) return {};
    return {start, end};
}

void take_deleted_mark(mapping& m) {
    // Memory without a file is never deleted, but prctl(2), PR_SET_VMA_ANON_NAME, may give it such a name.
    m.deleted = m.file_backed() && m.name.ends_with(deleted_mark);
    if (m.deleted) m.name.resize(m.name.size() - deleted_mark.size());
}

std::string name_in_text(const mapping& m) {
    std::string name = m.name;
    replace_all(name, "\n", newline_mark);
    if (m.deleted) name += deleted_mark;
    return name;
}

maps_list parse_maps(std::string_view text) {
    maps_list list;
    constexpr std::size_t short_line = 48;  // reserved and unused memory is not touched
    list.mappings.reserve(text.size() / short_line + 1);
    address end = 0;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        maps_line parsed;
        if (!parse_maps_line(line, parsed)) {
            list.malformed.emplace_back(line);
            continue;
        }
        if (parsed.range.start() >= end) {
            to_mapping(parsed, list.mappings.emplace_back());
        } else {
            list.torn = true;
            mapping later;
            to_mapping(parsed, later);
            append(list.mappings, std::move(later));
        }
        end = parsed.range.end();
    }
    return list;
}

}  // namespace vmio::detail
