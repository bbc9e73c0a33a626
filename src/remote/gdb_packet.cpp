// SPDX-License-Identifier: BSL-1.0
#include "remote/gdb_packet.hpp"

#include <charconv>

namespace vmio::detail {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

/// Returns: the value of a hexadecimal digit; -1 for anything else.
int value_of(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

unsigned char sum_of(std::string_view bytes) noexcept {
    unsigned char sum = 0;
    for (const char c : bytes) sum = static_cast<unsigned char>(sum + static_cast<unsigned char>(c));
    return sum;
}

}  // namespace

std::string gdb_packet(std::string_view body) {
    const unsigned char sum = sum_of(body);
    std::string packet;
    packet.reserve(body.size() + 4);
    packet += '$';
    packet += body;
    packet += '#';
    packet += digits[sum >> 4];
    packet += digits[sum & 15];
    return packet;
}

std::string gdb_escaped(std::span<const std::byte> bytes) {
    std::string text;
    text.reserve(bytes.size() + bytes.size() / 16);
    for (const std::byte b : bytes) {
        const char c = static_cast<char>(b);
        if (c == '#' || c == '$' || c == '}' || c == '*') {
            text += '}';
            text += static_cast<char>(b ^ std::byte{0x20});
        } else {
            text += c;
        }
    }
    return text;
}

std::string gdb_number(std::uint64_t value) {
    char text[16];
    return {text, std::to_chars(text, text + sizeof text, value, 16).ptr};
}

std::string gdb_hex(std::span<const std::byte> bytes) {
    std::string text;
    text.reserve(2 * bytes.size());
    for (const std::byte b : bytes) {
        text += digits[std::to_integer<unsigned>(b) >> 4];
        text += digits[std::to_integer<unsigned>(b) & 15];
    }
    return text;
}

bool gdb_from_hex(std::string_view text, std::span<std::byte> to) noexcept {
    if (text.size() != 2 * to.size()) return false;
    for (std::size_t i = 0; i < to.size(); ++i) {
        const int high = value_of(text[2 * i]);
        const int low = value_of(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        to[i] = static_cast<std::byte>(high << 4 | low);
    }
    return true;
}

void gdb_packet_parser::begin(bool notification) noexcept {
    state_ = state::body;
    notification_ = notification;
    invalid_ = false;
    sum_ = 0;
    body_.clear();
}

bool gdb_packet_parser::append(char c, std::size_t count) {
    if (body_.size() + count > longest_) return false;
    body_.append(count, c);
    return true;
}

gdb_packet_parser::event gdb_packet_parser::end(char low) noexcept {
    state_ = state::between;
    const int sum =
        value_of(checksum_high_) < 0 || value_of(low) < 0 ? -1 : value_of(checksum_high_) << 4 | value_of(low);
    if (notification_) return event::none;
    return invalid_ || sum != sum_ ? event::damaged : event::packet;
}

gdb_packet_parser::event gdb_packet_parser::next(std::string_view& input) {
    constexpr int least_run = 29;  // the count of a run is sent plus 29, as a printable character
    while (!input.empty()) {
        const char c = input.front();
        input.remove_prefix(1);
        const bool in_body = state_ == state::body || state_ == state::escaped || state_ == state::run;
        if (in_body && !(state_ == state::body && c == '#'))
            sum_ = static_cast<unsigned char>(sum_ + static_cast<unsigned char>(c));
        switch (state_) {
            case state::between:
                if (c == '$' || c == '%') begin(c == '%');
                if (c == '+') return event::ack;
                if (c == '-') return event::nack;
                break;
            case state::body:
                if (c == '#') {
                    state_ = state::checksum_high;
                } else if (c == '$') {
                    begin(false);  // a packet was cut off, and this one begins
                } else if (c == '}') {
                    state_ = state::escaped;
                } else if (c == '*') {
                    state_ = state::run;
                } else if (!append(c)) {
                    return event::too_long;
                }
                break;
            case state::escaped:
                state_ = state::body;
                if (!append(static_cast<char>(c ^ 0x20))) return event::too_long;
                break;
            case state::run: {
                state_ = state::body;
                const int count = static_cast<unsigned char>(c) - least_run;
                if (body_.empty() || count < 1 || static_cast<unsigned char>(c) > 126)
                    invalid_ = true;
                else if (!append(body_.back(), static_cast<std::size_t>(count)))
                    return event::too_long;
                break;
            }
            case state::checksum_high:
                checksum_high_ = c;
                state_ = state::checksum_low;
                break;
            case state::checksum_low:
                if (const event found = end(c); found != event::none) return found;
                break;
        }
    }
    return event::none;
}

}  // namespace vmio::detail
