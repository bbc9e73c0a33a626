// SPDX-License-Identifier: BSL-1.0
/// How values are laid out in a target, and made here: of plain types and of aggregates.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>

#include <vmio/address.hpp>
#include <vmio/detail/object/object_members.hpp>
#include <vmio/detail/object/object_reader.hpp>
#include <vmio/object_limits.hpp>

namespace vmio::detail {

/// What is known of a type that can be read: `value`, what it is read as, which differs for what refers to bytes that
/// it does not own; size() and alignment() of an object in a target; parse(reader, address, its bytes, value&).
template <class T>
struct object_type;

template <class T>
using object_value = typename object_type<T>::value;

inline constexpr std::size_t word_size = sizeof(void*);

/// Returns: the `i`-th word at `raw`.
inline std::uintptr_t word_at(const std::byte* raw, std::size_t i) noexcept {
    std::uintptr_t word;
    std::memcpy(&word, raw + i * word_size, word_size);
    return word;
}

constexpr std::size_t aligned(std::size_t offset, std::size_t alignment) noexcept {
    return (offset + alignment - 1) / alignment * alignment;
}

#ifdef _LIBCPP_VERSION
inline constexpr object_layout native_layout = object_layout::libcxx;
#elif defined _GLIBCXX_USE_CXX11_ABI && !_GLIBCXX_USE_CXX11_ABI
inline constexpr object_layout native_layout = object_layout::libstdcxx_cow;
#else
inline constexpr object_layout native_layout = object_layout::libstdcxx;
#endif

/// Whether objects can be moved as bytes, whatever those are.
template <class T>
constexpr bool is_bytes() {
    if constexpr (std::is_array_v<T>) {
        return is_bytes<std::remove_all_extents_t<T>>();
    } else if constexpr (requires { object_type<T>::composite; }) {
        return !object_type<T>::composite;
    } else if constexpr (!std::is_trivially_copyable_v<T> || std::is_same_v<T, bool>) {
        return false;
    } else if constexpr (std::is_class_v<T> && std::is_aggregate_v<T> && std::is_default_constructible_v<T> &&
                         !has_base<T>) {
        if constexpr (member_count<T> == 0 || member_count < T >> most_members) {
            return true;
        } else {
            bool all = true;
            const T object{};
            for_each_member(object, [&]<class M>(const M&) {
                using element = std::remove_all_extents_t<M>;
                all = all && (is_bytes<element>() || std::is_same_v<element, bool>);
            });
            return all;
        }
    } else {
        return true;  // its members cannot be seen
    }
}

/// A type without a layout of its own below: bytes, or an aggregate of what can be read.
template <class T>
struct object_type {
    static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>,
                  "read_object() makes values: name a type without const, volatile or a reference");
    static_assert(std::is_trivially_copyable_v<T> || (std::is_aggregate_v<T> && !std::is_union_v<T>),
                  "read_object() can read what is trivially copyable, aggregates, and the containers that it names: "
                  "declare a struct with the members of this class, in their order, and read that");
    using value = T;

    static std::size_t size(object_layout layout) noexcept {
        if (!is_struct() || layout == native_layout) return sizeof(T);
        return aligned(place(layout, [](auto&, std::size_t) {}), alignment(layout));
    }
    static std::size_t alignment(object_layout layout) noexcept {
        if (!is_struct() || layout == native_layout) return alignof(T);
        std::size_t most = 1;
        if constexpr (is_struct()) {
            T object{};
            for_each_member(object, [&]<class M>(M&) { most = std::max(most, object_type<M>::alignment(layout)); });
        }
        return most;
    }
    static void parse(object_reader& reader, address at, const std::byte* raw, T& to) {
        if constexpr (std::is_same_v<T, bool>) {
            if (raw[0] > std::byte{1}) reader.fail(at, "bool", "it is " + std::to_string(int(raw[0])));
            to = raw[0] != std::byte{0};
        } else if constexpr (is_bytes<T>()) {
            std::memcpy(static_cast<void*>(&to), raw, sizeof(T));
        } else {
            place(reader.layout(), to, [&]<class M>(M& member, std::size_t offset) {
                static_assert(std::is_same_v<object_value<M>, M>,
                              "a std::string_view or std::span owns nothing, so that a copy cannot have one: declare "
                              "its size and its pointer, a vmio::remote_ptr, as members, in their order");
                object_type<M>::parse(reader, at + offset, raw + offset, member);
            });
        }
    }

private:
    /// Whether it is more than bytes.
    static constexpr bool is_struct() noexcept { return !is_bytes<T>() && !std::is_same_v<T, bool>; }

    template <class F>
    static std::size_t place(object_layout layout, F f) {
        T object{};
        return place(layout, object, f);
    }
    /// Calls f(member, its offset). Returns: the end of the last member.
    template <class F>
    static std::size_t place(object_layout layout, T& object, F f) {
        std::size_t end = 0;
        if constexpr (is_struct()) {
            static_assert(!has_base<T>, "the members of a base class cannot be seen: name them in the struct itself");
            static_assert(member_count<T> <= most_members, "this struct has more members than read_object() can name");
            for_each_member(object, [&]<class M>(M& member) {
                const std::size_t offset =
                    layout == native_layout
                        ? static_cast<std::size_t>(reinterpret_cast<const char*>(std::addressof(member)) -
                                                   reinterpret_cast<const char*>(std::addressof(object)))
                        : aligned(end, object_type<M>::alignment(layout));
                f(member, offset);
                end = offset + object_type<M>::size(layout);
            });
        }
        return end;
    }
};

/// Makes `count` values of those whose bytes are at `raw`, by `to`, an iterator.
template <class T, class To>
void parse_elements(object_reader& reader, address at, std::size_t count, const std::byte* raw, To to) {
    const std::size_t size = object_type<T>::size(reader.layout());
    for (std::size_t i = 0; i < count; ++i, ++to) object_type<T>::parse(reader, at + i * size, raw + i * size, *to);
}

template <class T, std::size_t N>
struct object_type<T[N]> {
    static constexpr bool composite = !is_bytes<T>();
    using value = object_value<T>[N];

    static std::size_t size(object_layout layout) { return N * object_type<T>::size(layout); }
    static std::size_t alignment(object_layout layout) { return object_type<T>::alignment(layout); }
    static void parse(object_reader& reader, address at, const std::byte* raw, value& to) {
        parse_elements<T>(reader, at, N, raw, &to[0]);
    }
};

template <class T, std::size_t N>
struct object_type<std::array<T, N>> {
    static constexpr bool composite = !is_bytes<T>();
    using value = std::array<object_value<T>, N>;

    static std::size_t size(object_layout layout) { return N == 0 ? 1 : N * object_type<T>::size(layout); }
    static std::size_t alignment(object_layout layout) { return N == 0 ? 1 : object_type<T>::alignment(layout); }
    static void parse(object_reader& reader, address at, const std::byte* raw, value& to) {
        parse_elements<T>(reader, at, N, raw, to.begin());
    }
};

}  // namespace vmio::detail
