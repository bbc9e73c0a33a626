// SPDX-License-Identifier: BSL-1.0
/// Numbers in another process's address space.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <limits>
#include <stdexcept>
#include <string>

#include <vmio/detail/config.hpp>

/// All of the library. Unless something else is said: sizes and offsets are in bytes; what goes wrong with a target is
/// a memory_error, misuse is std::invalid_argument or std::out_of_range, and anything may throw std::bad_alloc; an
/// object is for one thread at a time, and different ones are independent, as in the standard library. Whatever is
/// opened is close-on-exec.
namespace vmio {

/// A place in some process's address space. It is a number, never a pointer of ours, and always 64 bits wide.
using address = std::uint64_t;

/// Where `p` points to in this process.
inline address address_of(const volatile void* p) noexcept {
    return reinterpret_cast<std::uintptr_t>(p);
}

/// The size in bytes of a page of memory on this machine, a power of two: sysconf(3), _SC_PAGESIZE. Asked once.
VMIO_EXPORT std::size_t page_size() noexcept;

/// The multiple of `unit` (a power of two) at or below `a`.
constexpr address align_down(address a, std::uint64_t unit) noexcept {
    return a & ~(unit - 1);
}

/// The multiple of `unit` (a power of two) at or above `a`; std::out_of_range if that is 2^64.
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

/// The addresses from start() up to, and without, end(). All overflow arithmetic on ranges is done here; a part taken
/// of a range is never larger than the range. The very last address, 2^64 - 1, lies in no range, since 2^64 has no
/// number: it belongs to the kernel.
class address_range {
public:
    /// The empty range at 0.
    constexpr address_range() noexcept = default;

    /// std::invalid_argument if end < start.
    constexpr address_range(address start, address end) : start_(start), end_(end) {
        if (end < start) throw std::invalid_argument("vmio::address_range: the end lies before the start");
    }

    /// std::out_of_range if start + size does not fit into 64 bits.
    static constexpr address_range of_size(address start, std::uint64_t size) {
        if (size > std::numeric_limits<address>::max() - start)
            throw std::out_of_range("vmio::address_range: past the top of the address space");
        return {start, start + size};
    }

    constexpr address start() const noexcept { return start_; }              ///< of the first byte
    constexpr address end() const noexcept { return end_; }                  ///< of the first byte behind it
    constexpr std::uint64_t size() const noexcept { return end_ - start_; }  ///< in bytes
    constexpr bool empty() const noexcept { return start_ == end_; }         ///< it has a place all the same

    /// Never true of end().
    constexpr bool contains(address a) const noexcept { return start_ <= a && a < end_; }
    /// An empty range is contained where its place is inside this range or at its end.
    constexpr bool contains(const address_range& other) const noexcept {
        return start_ <= other.start_ && other.end_ <= end_;
    }
    /// Whether an address lies in both.
    constexpr bool overlaps(const address_range& other) const noexcept {
        return start_ < other.end_ && other.start_ < end_ && !empty() && !other.empty();
    }

    /// `size` bytes from `offset` on; std::out_of_range if they do not lie inside.
    constexpr address_range part(std::uint64_t offset, std::uint64_t size) const {
        if (offset > this->size() || size > this->size() - offset)
            throw std::out_of_range("vmio::address_range: the part does not lie inside");
        return {start_ + offset, start_ + offset + size};
    }

    /// What both have in common; where that is nothing, an empty range inside this one.
    constexpr address_range intersection(const address_range& other) const noexcept {
        address_range common;
        common.start_ = other.start_ < start_ ? start_ : (other.start_ > end_ ? end_ : other.start_);
        common.end_ = other.end_ > end_ ? end_ : (other.end_ < common.start_ ? common.start_ : other.end_);
        return common;
    }

    /// Empty ranges at different places differ.
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
