// SPDX-License-Identifier: BSL-1.0
#include <vmio/byte_pattern.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace vmio {
namespace {

constexpr std::byte whole{0xff};

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    throw std::invalid_argument("vmio::byte_pattern: neither a hexadecimal digit nor '?'");
}

}  // namespace

byte_pattern::byte_pattern(std::span<const std::byte> bytes) : byte_pattern(bytes, {}) {}

byte_pattern::byte_pattern(std::span<const std::byte> bytes, std::span<const std::byte> mask)
    : bytes_(bytes.begin(), bytes.end()) {
    if (bytes.empty()) throw std::invalid_argument("vmio::byte_pattern: nothing to look for");
    if (!mask.empty() && mask.size() != bytes.size())
        throw std::invalid_argument("vmio::byte_pattern: a mask has as many bytes as the pattern");
    if (std::any_of(mask.begin(), mask.end(), [](std::byte m) { return m != whole; }))
        mask_.assign(mask.begin(), mask.end());
    anchor_size_ = mask_.empty() ? size() : 0;
    for (std::size_t i = 0, run = 0; i < mask_.size(); ++i) {
        bytes_[i] &= mask_[i];
        run = mask_[i] == whole ? run + 1 : 0;
        if (run > anchor_size_) {
            anchor_size_ = run;
            anchor_ = i + 1 - run;
        }
    }
    matches_zeros_ = std::all_of(bytes_.begin(), bytes_.end(), [](std::byte b) { return b == std::byte(0); });
}

byte_pattern byte_pattern::text(std::string_view characters) {
    return byte_pattern(std::as_bytes(std::span(characters)));
}

byte_pattern byte_pattern::hex(std::string_view digits) {
    std::vector<std::byte> bytes;
    std::vector<std::byte> mask;
    bool second = false;
    for (const char c : digits) {
        if (c == ' ' && !second) continue;
        const auto bits = static_cast<std::byte>(c == '?' ? 0 : digit_of(c));
        const auto matter = static_cast<std::byte>(c == '?' ? 0 : 0xf);
        if (!second) {
            bytes.push_back(bits << 4);
            mask.push_back(matter << 4);
        } else {
            bytes.back() |= bits;
            mask.back() |= matter;
        }
        second = !second;
    }
    if (second) throw std::invalid_argument("vmio::byte_pattern: a byte has two digits");
    return byte_pattern(bytes, mask);
}

bool byte_pattern::matches_at(const std::byte* at) const noexcept {
    for (std::size_t i = 0; i < mask_.size(); ++i)
        if ((at[i] & mask_[i]) != bytes_[i]) return false;
    return true;
}

std::size_t byte_pattern::find(std::span<const std::byte> bytes, std::size_t from) const noexcept {
    while (from <= bytes.size() && bytes.size() - from >= size()) {
        std::size_t at = from;
        if (anchor_size_ > 0) {
            // Where the anchor may lie, so that the whole pattern fits.
            const std::size_t room = bytes.size() - from - size() + anchor_size_;
            const void* const found =
                ::memmem(bytes.data() + from + anchor_, room, bytes_.data() + anchor_, anchor_size_);
            if (found == nullptr) return npos;
            at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data()) - anchor_;
        }
        if (matches_at(bytes.data() + at)) return at;
        from = at + 1;
    }
    return npos;
}

}  // namespace vmio
