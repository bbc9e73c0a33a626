// SPDX-License-Identifier: BSL-1.0
/// Bytes to look for, some of which may not matter.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <vmio/detail/config.hpp>

namespace vmio {

/// A byte matches where it equals that of the pattern in the bits of the mask. Immutable, so thread-safe.
class VMIO_EXPORT byte_pattern {
public:
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);  ///< what find() returns for "nowhere"

    /// Without a mask, or with an empty one, all bits matter. std::invalid_argument if there are no bytes, or not as
    /// many in the mask.
    /// @{
    explicit byte_pattern(std::span<const std::byte> bytes);
    byte_pattern(std::span<const std::byte> bytes, std::span<const std::byte> mask);
    /// @}

    /// The characters as they are, without a NUL at the end. std::invalid_argument if there are none.
    static byte_pattern text(std::string_view characters);

    /// Two hexadecimal digits a byte, with spaces between as you like; '?' is a digit that does not matter: "48 8b ??
    /// f?". std::invalid_argument for anything else.
    static byte_pattern hex(std::string_view digits);

    /// The bytes of a value as it lies in memory: search for it with its alignment.
    template <class T>
    static byte_pattern value(const T& value) {
        static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be looked for");
        return byte_pattern(std::as_bytes(std::span<const T, 1>(&value, 1)));
    }

    /// In bytes; never 0.
    std::size_t size() const noexcept { return bytes_.size(); }

    /// The offset of the first match at or after `from` that lies in `bytes` whole; npos if there is none. Looks for
    /// the two bytes that are likely to be the rarest, and compares the rest where it meets both.
    std::size_t find(std::span<const std::byte> bytes, std::size_t from = 0) const noexcept;

    /// Whether zeros match.
    bool matches_zeros() const noexcept { return matches_zeros_; }

private:
    void choose_rarest();
    bool matches_at(const std::byte* at) const noexcept;

    std::vector<std::byte> bytes_;  // only bits that matter are set
    std::vector<std::byte> mask_;   // empty: all matter
    std::size_t rarest_ = 0;        // offsets of those two
    std::size_t second_ = 0;
    bool matches_zeros_ = false;
};

}  // namespace vmio
