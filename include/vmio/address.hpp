// SPDX-License-Identifier: BSL-1.0
/// Addresses and address ranges of a target.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <limits>
#include <stdexcept>
#include <string>

#include <vmio/detail/config.hpp>

/// The vmio library. Unless documented otherwise: sizes and offsets are in bytes; ranges are half-open; errors of a
/// target are memory_error; misuse is std::invalid_argument or std::out_of_range; every function that is not noexcept
/// may throw std::bad_alloc; thread-safety is that of the standard library: different objects are independent, and one
/// object must not be used by two threads at once. All descriptors are close-on-exec.
namespace vmio {

/// An address in the address space of a process: a 64-bit number on every machine, not a pointer of this process.
using address = std::uint64_t;

/// Returns: the address that `p` points to in this process.
inline address address_of(const volatile void* p) noexcept {
    return reinterpret_cast<std::uintptr_t>(p);
}

/// Returns: the page size of this machine in bytes, a power of two: sysconf(3), _SC_PAGESIZE. Determined once.
VMIO_EXPORT std::size_t page_size() noexcept;

/// Rounds `a` down to a multiple of `unit`, a power of two.
constexpr address align_down(address a, std::uint64_t unit) noexcept {
    return a & ~(unit - 1);
}

/// Rounds `a` up to a multiple of `unit`, a power of two.
/// Errors: std::out_of_range if the result would be 2^64.
constexpr address align_up(address a, std::uint64_t unit) {
    const address down = align_down(a, unit);
    if (down == a) return a;
    if (down > std::numeric_limits<address>::max() - unit)
        throw std::out_of_range("vmio::align_up: past the top of the address space");
    return down + unit;
}

/// Returns: the first multiple of `unit` (a power of two) above `a`. Saturates at 2^64 - 1, which no address_range
/// contains, so that a loop over boundaries terminates at the top of the address space.
constexpr address next_boundary(address a, std::uint64_t unit) noexcept {
    const address down = align_down(a, unit);
    constexpr address last = std::numeric_limits<address>::max();
    return unit > last - down ? last : down + unit;
}

/// A half-open range of addresses, [start(), end()). Overflow is checked here; a part of a range is never larger than
/// the range. The last address, 2^64 - 1, which belongs to the kernel, is in no range: the end would be 2^64.
class address_range {
public:
    /// The empty range at 0.
    constexpr address_range() noexcept = default;

    /// Constructs [start, end).
    /// Errors: std::invalid_argument if end < start.
    constexpr address_range(address start, address end) : start_(start), end_(end) {
        if (end < start) throw std::invalid_argument("vmio::address_range: the end lies before the start");
    }

    /// Returns: the range of `size` bytes from `start`.
    /// Errors: std::out_of_range if start + size does not fit into 64 bits.
    static constexpr address_range of_size(address start, std::uint64_t size) {
        if (size > std::numeric_limits<address>::max() - start)
            throw std::out_of_range("vmio::address_range: past the top of the address space");
        return {start, start + size};
    }

    constexpr address start() const noexcept { return start_; }              ///< address of the first byte
    constexpr address end() const noexcept { return end_; }                  ///< one past the last byte
    constexpr std::uint64_t size() const noexcept { return end_ - start_; }  ///< in bytes
    constexpr bool empty() const noexcept { return start_ == end_; }         ///< start() and end() remain meaningful

    /// Returns: whether the address is in the range; false for end().
    constexpr bool contains(address a) const noexcept { return start_ <= a && a < end_; }
    /// Returns: whether all of `other` is in this range. An empty `other` counts as contained inside and at the end.
    constexpr bool contains(const address_range& other) const noexcept {
        return start_ <= other.start_ && other.end_ <= end_;
    }
    /// Returns: whether the ranges have an address in common.
    constexpr bool overlaps(const address_range& other) const noexcept {
        return start_ < other.end_ && other.start_ < end_ && !empty() && !other.empty();
    }

    /// Returns: the subrange of `size` bytes from `offset`.
    /// Errors: std::out_of_range if it exceeds this range.
    constexpr address_range part(std::uint64_t offset, std::uint64_t size) const {
        if (offset > this->size() || size > this->size() - offset)
            throw std::out_of_range("vmio::address_range: the part does not lie inside");
        return {start_ + offset, start_ + offset + size};
    }

    /// Returns: the addresses in both ranges; an empty range inside this one if there are none.
    constexpr address_range intersection(const address_range& other) const noexcept {
        address_range common;
        common.start_ = other.start_ < start_ ? start_ : (other.start_ > end_ ? end_ : other.start_);
        common.end_ = other.end_ > end_ ? end_ : (other.end_ < common.start_ ? common.start_ : other.end_);
        return common;
    }

    /// Equal start and end: empty ranges at different addresses differ.
    friend constexpr bool operator==(const address_range&, const address_range&) noexcept = default;

private:
    address start_ = 0;
    address end_ = 0;
};

/// Formats a range as a half-open interval of hexadecimal addresses: "[0x1000, 0x3000)".
VMIO_EXPORT std::string to_string(const address_range&);

/// Writes to_string() of the range; width and fill apply as for a string.
VMIO_EXPORT std::ostream& operator<<(std::ostream&, const address_range&);

}  // namespace vmio
