// SPDX-License-Identifier: BSL-1.0
/// Typed access to bytes that have been read, by offset and by address.
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

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/detail/indexed_range.hpp>

namespace vmio {

/// A non-owning view of bytes and the address that they were read from. Every access is checked: where a value is not
/// wholly inside, get() returns nothing and at() throws std::out_of_range with the offset, size and range. Trivially
/// copyable; a part never reaches beyond its whole. The bytes must outlive the view and what it returns.
///
/// T is any trivially copyable type; a value need not be aligned. For another byte order let T be a type of
/// Boost.Endian, also inside a struct: `view.at<boost::endian::big_uint32_t>(8)`.
class memory_view {
    struct chunk_at;

public:
    static constexpr std::size_t no_limit =
        std::numeric_limits<std::size_t>::max();  ///< the default limit of a string's length

    /// An empty view at address 0.
    constexpr memory_view() noexcept = default;

    /// A view of `bytes`, the first of which is at `start`.
    /// Errors: std::out_of_range if they would reach past the top of the address space.
    constexpr memory_view(address start, std::span<const std::byte> bytes)
        : range_(address_range::of_size(start, bytes.size())), bytes_(bytes.data()) {}
    /// Deleted: a temporary container, whose bytes would dangle.
    template <std::ranges::contiguous_range R>
    requires(!std::is_lvalue_reference_v<R> && !std::ranges::borrowed_range<R>) memory_view(address start, R&& bytes)
    = delete;

    /// The address of the first byte, the addresses of all, their number, and the bytes.
    /// @{
    constexpr address start() const noexcept { return range_.start(); }
    constexpr address_range range() const noexcept { return range_; }
    constexpr std::size_t size() const noexcept { return static_cast<std::size_t>(range_.size()); }
    constexpr bool empty() const noexcept { return range_.empty(); }
    constexpr std::span<const std::byte> bytes() const noexcept { return {bytes_, size()}; }
    /// @}

    /// The offset of address `where`; if it is not inside, an offset that every member function rejects.
    constexpr std::size_t offset_of(address where) const noexcept { return static_cast<std::size_t>(where - start()); }

    /// The value `offset` bytes from the start.
    /// Errors: if it does not lie wholly inside, get() returns nothing and at() throws std::out_of_range.
    /// @{
    template <class T>
    std::optional<T> get(std::size_t offset) const noexcept {
        if (!has(offset, sizeof(T))) return std::nullopt;
        return load<T>(bytes_ + offset);
    }

    template <class T>
    T at(std::size_t offset) const {
        require(offset, sizeof(T));
        return load<T>(bytes_ + offset);
    }
    /// @}

    /// at() by address: the value at `where`.
    template <class T>
    T value_at(address where) const {
        return at<T>(offset_of(where));
    }

    /// The characters from `offset` up to the first NUL, excluding it, or `limit` characters if there is none among
    /// them. The result points into the bytes.
    /// Errors: if the view ends before the NUL and before `limit`, get_string() returns nothing and string() throws
    /// std::out_of_range.
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

    /// Returns: the view of a part.
    /// Errors: std::out_of_range if it does not lie wholly inside.
    /// @{
    constexpr memory_view part(std::size_t offset, std::size_t size) const {
        require(offset, size);
        return {start() + offset, bytes().subspan(offset, size)};
    }
    constexpr memory_view part(const address_range& r) const {
        return part(offset_of(r.start()), static_cast<std::size_t>(r.size()));
    }
    /// @}
    /// Returns: the view of the bytes within `r`; possibly empty.
    constexpr memory_view intersection(const address_range& r) const { return part(range_.intersection(r)); }

    /// The view in parts of `size` bytes, the last of which may be shorter.
    /// Returns: a random-access range of memory_view by value. It refers to the bytes, not to this object.
    /// Errors: std::invalid_argument if `size` is 0.
    detail::indexed_range<chunk_at> chunks(std::size_t size) const;

    /// The words that lie wholly inside, at addresses that are multiples of their size. A 32-bit program has words of
    /// std::uint32_t.
    /// Returns: a random-access range of Word by value. It refers to the bytes, not to this object.
    template <class Word = address>
    auto words() const {
        static_assert(std::has_single_bit(sizeof(Word)), "words lie at multiples of their size");
        const std::size_t first = std::min(size(), static_cast<std::size_t>(~start() + 1) & (sizeof(Word) - 1));
        return detail::indexed_range<word_at<Word>>({bytes_ + first}, (size() - first) / sizeof(Word));
    }

    /// Counts the words that are addresses in one of `sorted`: address_range, or anything with a member `range`, such
    /// as a mapping. Precondition: they are sorted and do not overlap.
    template <class Word = address, std::ranges::random_access_range Ranges>
    std::size_t count_pointers(const Ranges& sorted) const {
        const auto first = std::ranges::begin(sorted);
        const auto count = std::ranges::end(sorted) - first;
        if (count == 0) return 0;
        const address low = range_of(*first).start();
        const std::uint64_t reach = range_of(first[count - 1]).end() - low;
        const auto all = words<Word>();
        return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](address word) {
            if (word - low >= reach) return false;  // most words are not addresses
            auto last_below = first;
            for (auto left = count; left > 1;) {
                const auto half = left / 2;
                // A conditional value rather than a branch, which could not be predicted: up to six times as fast.
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
    static T load(const std::byte* from) noexcept {
        static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be moved");
        alignas(T) std::byte bytes[sizeof(T)];
        std::memcpy(bytes, from, sizeof(T));
        return __builtin_bit_cast(T, bytes);
    }

    template <class Word>
    struct word_at {
        const std::byte* first = nullptr;

        Word operator()(std::size_t i) const noexcept { return load<Word>(first + i * sizeof(Word)); }
    };

    address_range range_;
    const std::byte* bytes_ = nullptr;
};

/// @cond
struct memory_view::chunk_at {
    memory_view all;
    std::size_t size = 1;

    memory_view operator()(std::size_t i) const { return all.part(i * size, std::min(size, all.size() - i * size)); }
};
/// @endcond

inline detail::indexed_range<memory_view::chunk_at> memory_view::chunks(std::size_t size) const {
    if (size == 0) throw std::invalid_argument("vmio::memory_view: chunks of size 0");
    return {{*this, size}, this->size() / size + (this->size() % size != 0)};
}

static_assert(std::is_trivially_copyable_v<memory_view>);

}  // namespace vmio
