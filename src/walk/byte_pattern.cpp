// SPDX-License-Identifier: BSL-1.0
#include <vmio/byte_pattern.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

#include "walk/simd_find.hpp"

namespace vmio {
namespace {

constexpr std::byte whole{0xff};

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    throw std::invalid_argument("vmio::byte_pattern: a character is neither a hexadecimal digit nor '?'");
}

/// A rough measure of how often a byte occurs in a process: half of its memory is zero, and text, machine code and
/// pointers have frequent bytes too.
unsigned commonness(std::byte bits, std::byte mask) {
    using namespace std::string_view_literals;
    constexpr std::string_view favourites = "\x01\x02\x0f\x20\x24\x48\x49\x7f\x89\x8b\xff"sv;
    if (mask != whole) return 100U << (8 - std::popcount(std::to_integer<unsigned>(mask)));
    const char c = static_cast<char>(bits);
    if (c == '\0') return 100;
    return (c >= 'a' && c <= 'z') || favourites.find(c) != favourites.npos ? 5 : 1;
}

}  // namespace

byte_pattern::byte_pattern(std::span<const std::byte> bytes) : byte_pattern(bytes, {}) {}

byte_pattern::byte_pattern(std::span<const std::byte> bytes, std::span<const std::byte> mask)
    : bytes_(bytes.begin(), bytes.end()) {
    if (bytes.empty()) throw std::invalid_argument("vmio::byte_pattern: the pattern is empty");
    if (!mask.empty() && mask.size() != bytes.size())
        throw std::invalid_argument("vmio::byte_pattern: a mask has as many bytes as the pattern");
    if (std::any_of(mask.begin(), mask.end(), [](std::byte m) { return m != whole; }))
        mask_.assign(mask.begin(), mask.end());
    for (std::size_t i = 0; i < mask_.size(); ++i) bytes_[i] &= mask_[i];
    choose_rarest();
    matches_zeros_ = std::all_of(bytes_.begin(), bytes_.end(), [](std::byte b) { return b == std::byte(0); });
}

byte_pattern byte_pattern::text(std::string_view characters) {
    return byte_pattern(std::as_bytes(std::span<const char>(characters.data(), characters.size())));
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

/// Chooses two bytes that differ, if there are such: otherwise memory full of one byte would slow down the search for a
/// pattern that has a run of it.
void byte_pattern::choose_rarest() {
    const auto mask = [&](std::size_t i) { return mask_.empty() ? whole : mask_[i]; };
    const auto rarer = [&](std::size_t i, std::size_t than) {
        return commonness(bytes_[i], mask(i)) < commonness(bytes_[than], mask(than));
    };
    for (std::size_t i = 1; i < size(); ++i)
        if (rarer(i, rarest_)) rarest_ = i;
    second_ = rarest_;
    for (std::size_t i = 0; i < size(); ++i) {
        const bool differs = bytes_[i] != bytes_[rarest_] || mask(i) != mask(rarest_);
        if (differs && (second_ == rarest_ || rarer(i, second_))) second_ = i;
    }
}

bool byte_pattern::matches_at(const std::byte* at) const noexcept {
    if (mask_.empty()) return std::memcmp(at, bytes_.data(), size()) == 0;
    for (std::size_t i = 0; i < size(); ++i)
        if ((at[i] & mask_[i]) != bytes_[i]) return false;
    return true;
}

std::size_t byte_pattern::find(std::span<const std::byte> bytes, std::size_t from) const noexcept {
    if (bytes.size() < size()) return npos;
    const std::size_t end = bytes.size() - size() + 1;
    const auto find_by = [&](auto is_masked) {
        constexpr bool masked = decltype(is_masked)::value;
        const auto wanted = [&](std::size_t i) {
            return detail::wanted_byte<masked>(i, bytes_[i], masked ? mask_[i] : whole);
        };
        return detail::find_place(bytes.data(), from, end, wanted(rarest_), wanted(second_), [&](std::size_t place) {
            const std::byte* const at = bytes.data() + place;
            if constexpr (!masked)
                if (at[rarest_] != bytes_[rarest_]) return false;
            return matches_at(at);
        });
    };
    const std::size_t place = mask_.empty() ? find_by(std::false_type()) : find_by(std::true_type());
    return place < end ? place : npos;
}

}  // namespace vmio
