// SPDX-License-Identifier: BSL-1.0
/// Arithmetic of a device's position.
#pragma once

#include <cerrno>
#include <cstdint>
#include <ios>
#include <limits>

#include <vmio/address.hpp>

namespace vmio {

/// A position among the addresses of a window, or of a whole address space.
///
///     window     start ............ end        offset 0 ............ size; offset == size is "past the end"
///     whole      0 ..... 2^64 - 1   2^64       the offset is the address; 2^64 has no number, so past_end() tells it
///
/// A move below the start is refused and leaves the cursor unchanged. A move beyond the end sets the cursor past the
/// end; moving back by n from there results in end - n.
class cursor {
public:
    /// A position in the whole address space.
    explicit constexpr cursor(address at) noexcept : offset_(at) {}

    /// The position of the first byte of a window.
    explicit constexpr cursor(const address_range& window) noexcept
        : base_(window.start()), size_(window.size()), whole_(false), past_end_(window.empty()) {}

    /// Whether the position is past the last byte.
    constexpr bool past_end() const noexcept { return past_end_; }

    /// Distance from the start; unspecified past the end of the whole address space.
    constexpr std::uint64_t offset() const noexcept { return offset_; }

    /// The same as an address.
    constexpr address where() const noexcept { return base_ + offset_; }

    /// Number of bytes from the position to the end, at most `wanted`.
    constexpr std::uint64_t clip(std::uint64_t wanted) const noexcept {
        if (past_end_ || wanted == 0) return 0;
        return wanted - 1 < beyond() ? wanted : beyond() + 1;
    }

    /// Sets the offset; past the end if the window has no more bytes than that.
    constexpr void move_to(std::uint64_t offset) noexcept {
        past_end_ = !whole_ && offset >= size_;
        offset_ = past_end_ ? size_ : offset;
    }

    /// Sets the position past the last byte.
    constexpr void move_past_end() noexcept {
        past_end_ = true;
        offset_ = size_;
    }

    /// Moves forward by that many bytes, at most past the end.
    constexpr void advance(std::uint64_t by) noexcept {
        if (by == 0 || past_end_) return;
        if (by - 1 >= beyond())
            move_past_end();
        else
            offset_ += by;
    }

    /// Moves back; forward or back; or relative to the end.
    /// Returns: false if the result would be before the start; the position is then unchanged.
    /// @{
    [[nodiscard]] constexpr bool retreat(std::uint64_t by) noexcept {
        if (by == 0) return true;
        if (past_end_ && whole_) {
            offset_ = std::uint64_t{0} - by;  // 2^64 - by
        } else {
            if (by > offset_) return false;
            offset_ -= by;
        }
        past_end_ = false;
        return true;
    }

    [[nodiscard]] constexpr bool move_by(std::int64_t by) noexcept {
        if (by < 0) return retreat(std::uint64_t{0} - static_cast<std::uint64_t>(by));
        advance(static_cast<std::uint64_t>(by));
        return true;
    }

    [[nodiscard]] constexpr bool move_from_end(std::int64_t by) noexcept {
        cursor moved = *this;
        moved.move_past_end();
        if (!moved.move_by(by)) return false;
        *this = moved;
        return true;
    }
    /// @}

    /// Moves as std::streambuf::seekoff() does.
    /// Returns: 0; or an errno, with the position unchanged: EINVAL, before the start; EOVERFLOW, a position that a
    /// signed 64-bit stream offset cannot represent.
    [[nodiscard]] int seek(std::int64_t off, std::ios_base::seekdir way) noexcept {
        cursor moved = *this;
        bool inside = true;
        if (way == std::ios_base::cur)
            inside = moved.move_by(off);
        else if (way == std::ios_base::end)
            inside = moved.move_from_end(off);
        else if (off >= 0)
            moved.move_to(static_cast<std::uint64_t>(off));
        else
            inside = false;
        if (!inside) return EINVAL;
        if (!moved.fits_stream_offset()) return EOVERFLOW;
        *this = moved;
        return 0;
    }

    /// Whether a signed 64-bit stream offset can represent the position.
    constexpr bool fits_stream_offset() const noexcept {
        if (past_end_ && whole_) return false;
        return offset_ <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    }

private:
    /// Number of bytes after the one at the position.
    /// Precondition: !past_end().
    constexpr std::uint64_t beyond() const noexcept { return whole_ ? ~offset_ : size_ - offset_ - 1; }

    address base_ = 0;
    std::uint64_t size_ = 0;
    std::uint64_t offset_ = 0;
    bool whole_ = true;
    bool past_end_ = false;
};

}  // namespace vmio
