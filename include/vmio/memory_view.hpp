// SPDX-License-Identifier: BSL-1.0
/// Bytes that have been read, and where they were.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>

#include <boost/range/adaptor/transformed.hpp>
#include <boost/range/irange.hpp>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>

namespace vmio {

/// A typed view of bytes that somebody else owns, which remembers their address. Nothing outside of them is ever looked
/// at: get() is empty and at() throws std::out_of_range, whose text says what was asked of what. Copies are cheap, and
/// parts only shrink.
///
/// T is any trivially copyable type; a value need not be aligned. For a byte order of your choice let T be one of
/// Boost.Endian's, also inside a struct: `view.at<boost::endian::big_uint32_t>(8)`.
class memory_view {
public:
    static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();  ///< of a string's length

    /// No bytes, at 0.
    constexpr memory_view() noexcept = default;

    /// std::out_of_range if they would reach past the top of the address space.
    constexpr memory_view(address start, std::span<const std::byte> bytes)
        : range_(address_range::of_size(start, bytes.size())), bytes_(bytes.data()) {}

    /// The bytes, and where they were.
    /// @{
    constexpr address start() const noexcept { return range_.start(); }
    constexpr address_range range() const noexcept { return range_; }
    constexpr std::size_t size() const noexcept { return static_cast<std::size_t>(range_.size()); }
    constexpr bool empty() const noexcept { return range_.empty(); }
    constexpr std::span<const std::byte> bytes() const noexcept { return {bytes_, size()}; }
    /// @}

    /// How far `where` lies from the start. Where that is not inside, the result is no offset that anything here takes.
    constexpr std::size_t offset_of(address where) const noexcept { return static_cast<std::size_t>(where - start()); }

    /// The value `offset` bytes from the start; where it does not lie inside, nothing, or std::out_of_range.
    /// @{
    template <class T>
    std::optional<T> get(std::size_t offset) const noexcept {
        if (!has(offset, sizeof(T))) return std::nullopt;
        return load<T>(offset);
    }

    template <class T>
    T at(std::size_t offset) const {
        require(offset, sizeof(T));
        return load<T>(offset);
    }
    /// @}

    /// at() by address.
    template <class T>
    T value_at(address where) const {
        return at<T>(offset_of(where));
    }

    /// The characters up to a NUL, which is not one of them, or `limit` characters if there is none among them. A
    /// string that goes on where the view ends is not one: get_string() is empty and string() throws.
    /// Both point into the view's bytes.
    /// @{
    std::optional<std::string_view> get_string(std::size_t offset, std::size_t limit = no_limit) const noexcept {
        if (offset > size()) return std::nullopt;
        const std::size_t most = std::min(limit, size() - offset);
        const std::string_view text(reinterpret_cast<const char*>(bytes_) + offset, most);
        const std::size_t nul = text.find('\0');
        if (nul == text.npos && most < limit) return std::nullopt;
        return text.substr(0, nul);
    }

    std::string_view string(std::size_t offset, std::size_t limit = no_limit) const {
        if (const auto text = get_string(offset, limit)) return *text;
        refuse(offset, std::min(limit, size() + 1));
    }
    /// @}

    /// A part that lies inside; std::out_of_range if it does not.
    /// @{
    constexpr memory_view part(std::size_t offset, std::size_t size) const {
        require(offset, size);
        return {start() + offset, bytes().subspan(offset, size)};
    }
    constexpr memory_view part(const address_range& r) const {
        return part(offset_of(r.start()), static_cast<std::size_t>(r.size()));
    }
    /// @}
    /// What this has of `r`; perhaps nothing.
    constexpr memory_view intersection(const address_range& r) const { return part(range_.intersection(r)); }

    /// A random-access range of parts of `size` bytes, the last of which may be shorter; std::invalid_argument for 0.
    auto chunks(std::size_t size) const {
        if (size == 0) throw std::invalid_argument("vmio::memory_view: chunks of no size");
        const std::size_t count = this->size() / size + (this->size() % size != 0);
        return boost::irange<std::size_t>(0, count) | boost::adaptors::transformed([v = *this, size](std::size_t i) {
                   return v.part(i * size, std::min(size, v.size() - i * size));
               });
    }

    /// A random-access range of the words that lie wholly inside, at addresses that are multiples of their size. A
    /// 32-bit program has words of std::uint32_t.
    template <class Word = address>
    auto words() const {
        static_assert(std::has_single_bit(sizeof(Word)), "words lie at multiples of their size");
        const std::size_t first = std::min(size(), static_cast<std::size_t>(~start() + 1) & (sizeof(Word) - 1));
        return boost::irange<std::size_t>(0, (size() - first) / sizeof(Word)) |
               boost::adaptors::transformed(
                   [v = *this, first](std::size_t i) { return v.load<Word>(first + i * sizeof(Word)); });
    }

    /// How many of the words are addresses in one of these ranges, or mappings: anything that is an address_range or
    /// has a member `range`. They must be sorted and must not overlap.
    template <class Word = address, std::ranges::random_access_range Ranges>
    std::size_t count_pointers(const Ranges& sorted) const {
        const auto first = std::ranges::begin(sorted);
        const auto count = std::ranges::end(sorted) - first;
        if (count == 0) return 0;
        const address low = range_of(*first).start();
        const std::uint64_t reach = range_of(first[count - 1]).end() - low;
        const auto all = words<Word>();
        return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](address word) {
            if (word - low >= reach) return false;  // most words are no address at all
            auto last_below = first;
            for (auto left = count; left > 1;) {
                const auto half = left / 2;
                // A choice of values rather than a branch, which nobody could foretell: up to six times as fast.
                last_below += range_of(last_below[half]).start() <= word ? half : 0;
                left -= half;
            }
            return range_of(*last_below).contains(word);
        }));
    }

private:
    static constexpr const address_range& range_of(const address_range& r) noexcept { return r; }
    static constexpr const address_range& range_of(const auto& mapping) noexcept { return mapping.range; }

    constexpr bool has(std::size_t offset, std::size_t size) const noexcept {
        return offset <= this->size() && size <= this->size() - offset;
    }
    constexpr void require(std::size_t offset, std::size_t size) const {
        if (!has(offset, size)) refuse(offset, size);
    }
    [[noreturn]] VMIO_EXPORT void refuse(std::size_t offset, std::size_t size) const;

    template <class T>
    T load(std::size_t offset) const noexcept {
        static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be moved");
        alignas(T) std::byte bytes[sizeof(T)];
        std::memcpy(bytes, bytes_ + offset, sizeof(T));
        return __builtin_bit_cast(T, bytes);
    }

    address_range range_;
    const std::byte* bytes_ = nullptr;
};

}  // namespace vmio
