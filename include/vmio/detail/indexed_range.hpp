// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <compare>
#include <cstddef>
#include <iterator>
#include <ranges>
#include <type_traits>

namespace vmio::detail {

/// The range f(0), f(1), ... f(size - 1), each computed on access: std::views::iota | std::views::transform, which not
/// every supported compiler can compile. F is a small class that can be copied and assigned; what it returns must not
/// point into it.
template <class F>
class indexed_range : public std::ranges::view_base {
public:
    using value_type = std::remove_cvref_t<std::invoke_result_t<const F&, std::size_t>>;

    class iterator {
        struct arrow {
            value_type value;
            constexpr const value_type* operator->() const noexcept { return &value; }
        };

    public:
        using iterator_concept = std::random_access_iterator_tag;
        using iterator_category = std::input_iterator_tag;  // * gives no reference, which older algorithms ask for
        using value_type = indexed_range::value_type;
        using difference_type = std::ptrdiff_t;
        using reference = value_type;
        using pointer = arrow;

        constexpr iterator() = default;
        constexpr iterator(const F& f, std::size_t i) : f_(f), i_(i) {}

        constexpr value_type operator*() const { return f_(i_); }
        constexpr arrow operator->() const { return {f_(i_)}; }
        constexpr value_type operator[](difference_type n) const { return f_(i_ + static_cast<std::size_t>(n)); }
        constexpr iterator& operator+=(difference_type n) {
            i_ += static_cast<std::size_t>(n);
            return *this;
        }
        constexpr iterator& operator-=(difference_type n) { return *this += -n; }
        constexpr iterator& operator++() { return *this += 1; }
        constexpr iterator& operator--() { return *this += -1; }
        constexpr iterator operator++(int) {
            const iterator before = *this;
            ++i_;
            return before;
        }
        constexpr iterator operator--(int) {
            const iterator before = *this;
            --i_;
            return before;
        }
        friend constexpr iterator operator+(iterator i, difference_type n) { return i += n; }
        friend constexpr iterator operator+(difference_type n, iterator i) { return i += n; }
        friend constexpr iterator operator-(iterator i, difference_type n) { return i -= n; }
        friend constexpr difference_type operator-(const iterator& a, const iterator& b) {
            return static_cast<difference_type>(a.i_ - b.i_);
        }
        /// Compares indices.
        /// Precondition: both iterators belong to the same range.
        friend constexpr bool operator==(const iterator& a, const iterator& b) { return a.i_ == b.i_; }
        friend constexpr std::strong_ordering operator<=>(const iterator& a, const iterator& b) {
            return a.i_ <=> b.i_;
        }

    private:
        F f_{};
        std::size_t i_ = 0;
    };

    constexpr indexed_range() = default;
    constexpr indexed_range(const F& f, std::size_t size) : f_(f), size_(size) {}

    constexpr iterator begin() const { return {f_, 0}; }
    constexpr iterator end() const { return {f_, size_}; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr value_type operator[](std::size_t i) const { return f_(i); }
    constexpr value_type front() const { return f_(0); }
    constexpr value_type back() const { return f_(size_ - 1); }

private:
    F f_{};
    std::size_t size_ = 0;
};

}  // namespace vmio::detail

/// A borrowed range: its iterators do not refer to the range object.
template <class F>
inline constexpr bool std::ranges::enable_borrowed_range<vmio::detail::indexed_range<F>> = true;
