// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vmio::detail {

/// Incremental CRC-32 of IEEE 802.3 (that of gzip and PNG); eight bytes per step.
class crc32 {
public:
    void add(std::span<const std::byte> bytes) noexcept {
        std::uint32_t rest = rest_;
        const std::byte* at = bytes.data();
        std::size_t left = bytes.size();
        for (; left >= 8; left -= 8, at += 8) {
            rest ^= number(at, 0) | number(at, 1) << 8 | number(at, 2) << 16 | number(at, 3) << 24;
            rest = tables[7][rest & 0xff] ^ tables[6][rest >> 8 & 0xff] ^ tables[5][rest >> 16 & 0xff] ^
                   tables[4][rest >> 24] ^ tables[3][number(at, 4)] ^ tables[2][number(at, 5)] ^
                   tables[1][number(at, 6)] ^ tables[0][number(at, 7)];
        }
        for (; left > 0; --left, ++at) rest = rest >> 8 ^ tables[0][(rest ^ number(at, 0)) & 0xff];
        rest_ = rest;
    }
    std::uint32_t value() const noexcept { return ~rest_; }

private:
    static constexpr std::uint32_t number(const std::byte* bytes, std::size_t i) noexcept {
        return static_cast<std::uint32_t>(bytes[i]);
    }

    /// tables[n][b]: the contribution of a byte b that is followed by n more bytes.
    static constexpr std::array<std::array<std::uint32_t, 256>, 8> tables = [] {
        std::array<std::array<std::uint32_t, 256>, 8> made{};
        for (std::uint32_t b = 0; b < 256; ++b) {
            std::uint32_t rest = b;
            for (int bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ ((rest & 1) != 0 ? 0xedb88320 : 0);
            made[0][b] = rest;
        }
        for (std::size_t n = 1; n != made.size(); ++n)
            for (std::size_t b = 0; b < 256; ++b) made[n][b] = made[n - 1][b] >> 8 ^ made[0][made[n - 1][b] & 0xff];
        return made;
    }();

    std::uint32_t rest_ = ~std::uint32_t{0};
};

}  // namespace vmio::detail
