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

/// The library. Unless documented otherwise: sizes and offsets are in bytes, ranges are half-open; errors of a target
/// are memory_error, misuse is std::invalid_argument or std::out_of_range, and every function that is not noexcept may
/// throw std::bad_alloc; one object may be used by one thread at a time, and different objects are independent, as in
/// the standard library. All descriptors are close-on-exec.
namespace vmio {

/// An address in the address space of some process: a 64-bit number on every machine, not a pointer of this process.
using address = std::uint64_t;

/// The address that `p` points to in this process.
inline address address_of(const volatile void* p) noexcept {
    return reinterpret_cast<std::uintptr_t>(p);
}

/// The page size of this machine in bytes, a power of two: sysconf(3), _SC_PAGESIZE. Determined once.
VMIO_EXPORT std::size_t page_size() noexcept;

/// The multiple of `unit` (a power of two) at or below `a`.
constexpr address align_down(address a, std::uint64_t unit) noexcept {
    return a & ~(unit - 1);
}

/// The multiple of `unit` (a power of two) at or above `a`.
/// Errors: std::out_of_range if that is 2^64.
constexpr address align_up(address a, std::uint64_t unit) {
    const address down = align_down(a, unit);
    if (down == a) return a;
    if (down > std::numeric_limits<address>::max() - unit)
        throw std::out_of_range("vmio::align_up: past the top of the address space");
    return down + unit;
}

/// The first multiple of `unit` (a power of two) above `a`; saturates at 2^64 - 1, which no address_range contains, so
/// that a walk from boundary to boundary ends at the top of the address space.
constexpr address next_boundary(address a, std::uint64_t unit) noexcept {
    const address down = align_down(a, unit);
    constexpr address last = std::numeric_limits<address>::max();
    return unit > last - down ? last : down + unit;
}

/// The half-open range [start(), end()) of addresses. Overflow is checked here; a part of a range is never larger than
/// the range. No range contains the last address, 2^64 - 1, which belongs to the kernel: its end would be 2^64.
class address_range {
public:
    /// The empty range at 0.
    constexpr address_range() noexcept = default;

    /// Errors: std::invalid_argument if end < start.
    constexpr address_range(address start, address end) : start_(start), end_(end) {
        if (end < start) throw std::invalid_argument("vmio::address_range: the end lies before the start");
    }

    /// The `size` bytes from `start` on.
    /// Errors: std::out_of_range if start + size does not fit into 64 bits.
    static constexpr address_range of_size(address start, std::uint64_t size) {
        if (size > std::numeric_limits<address>::max() - start)
            throw std::out_of_range("vmio::address_range: past the top of the address space");
        return {start, start + size};
    }

    constexpr address start() const noexcept { return start_; }              ///< address of the first byte
    constexpr address end() const noexcept { return end_; }                  ///< address behind the last byte
    constexpr std::uint64_t size() const noexcept { return end_ - start_; }  ///< in bytes
    constexpr bool empty() const noexcept { return start_ == end_; }  ///< start() and end() are meaningful all the same

    /// Whether the address is in the range; false for end().
    constexpr bool contains(address a) const noexcept { return start_ <= a && a < end_; }
    /// Whether all of `other` is in this range. An empty range is if it lies inside or at the end.
    constexpr bool contains(const address_range& other) const noexcept {
        return start_ <= other.start_ && other.end_ <= end_;
    }
    /// Whether some address is in both.
    constexpr bool overlaps(const address_range& other) const noexcept {
        return start_ < other.end_ && other.start_ < end_ && !empty() && !other.empty();
    }

    /// The `size` bytes from `offset` on.
    /// Errors: std::out_of_range if they are not all in this range.
    constexpr address_range part(std::uint64_t offset, std::uint64_t size) const {
        if (offset > this->size() || size > this->size() - offset)
            throw std::out_of_range("vmio::address_range: the part does not lie inside");
        return {start_ + offset, start_ + offset + size};
    }

    /// The addresses in both; if there are none, an empty range inside this one.
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

/// Formats a range as half-open interval of hexadecimal addresses: "[0x1000, 0x3000)".
VMIO_EXPORT std::string to_string(const address_range&);

/// Writes to_string() of the range, padded as a string is.
VMIO_EXPORT std::ostream& operator<<(std::ostream&, const address_range&);

}  // namespace vmio
