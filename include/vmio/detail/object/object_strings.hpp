// SPDX-License-Identifier: BSL-1.0
/// Strings, and views of strings and arrays, as the standard libraries lay them out.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <vmio/detail/object/object_type.hpp>

namespace vmio::detail {

template <class C>
inline constexpr const char* string_name = std::is_same_v<C, char> ? "std::string" : "std::basic_string";

/// Where the characters of a string in a target are.
struct string_place {
    address start = 0;
    std::size_t size = 0;
    std::size_t capacity = 0;
    address size_at = 0;      // of the word that holds the size; of the byte, if `short_form`
    bool short_form = false;  // of libc++: the size is a byte, doubled
};

/// libstdc++: a pointer, the size, and either the capacity or a buffer of 16 bytes to which the pointer points.
template <class C>
string_place find_libstdcxx_string(const object_reader& reader, address at, const std::byte* raw) {
    constexpr std::size_t local = 15 / sizeof(C);
    const bool is_local = word_at(raw, 0) == at + 2 * word_size;
    const string_place place{word_at(raw, 0), word_at(raw, 1), is_local ? local : word_at(raw, 2), at + word_size};
    if (place.size > place.capacity)
        reader.fail(at, string_name<C>,
                    "its size is " + std::to_string(place.size) + ", its capacity " + std::to_string(place.capacity));
    return place;
}

/// libc++: capacity, size and pointer, or, if the lowest bit is not set, the doubled size and the characters.
template <class C>
string_place find_libcxx_string(const object_reader& reader, address at, const std::byte* raw) {
    constexpr std::size_t local = 3 * word_size / sizeof(C) - 2;
    const auto first = std::to_integer<unsigned char>(raw[0]);
    string_place place;
    if (first & 1)
        place = {word_at(raw, 2), word_at(raw, 1), word_at(raw, 0) - 2, at + word_size};
    else
        place = {at + sizeof(C), first / 2U, local, at, true};
    if (place.size > place.capacity)
        reader.fail(at, string_name<C>,
                    "its size is " + std::to_string(place.size) + ", its capacity " + std::to_string(place.capacity));
    return place;
}

/// libstdc++ before C++11: size, capacity and a count of owners lie before the characters.
template <class C>
string_place find_shared_string(const object_reader& reader, address at, address start, const std::byte* before) {
    const string_place place{start, word_at(before, 0), word_at(before, 1), start - 3 * word_size};
    if (place.size > place.capacity)
        reader.fail(at, string_name<C>,
                    "its size is " + std::to_string(place.size) + ", its capacity " + std::to_string(place.capacity));
    return place;
}

template <class C, class Traits, class A>
struct object_type<std::basic_string<C, Traits, A>> {
    static_assert(std::is_empty_v<A>, "an allocator with a state has no known layout");
    static constexpr bool composite = true;
    using value = std::basic_string<C, Traits, A>;

    static constexpr std::size_t size(object_layout layout) noexcept {
        if (layout == object_layout::libstdcxx_cow) return word_size;
        return layout == object_layout::libcxx ? 3 * word_size : 2 * word_size + 16;
    }
    static constexpr std::size_t alignment(object_layout) noexcept { return word_size; }
    static_assert(sizeof(value) == size(native_layout));

    static void parse(object_reader& reader, address at, const std::byte* raw, value& to) {
        if (reader.layout() == object_layout::libstdcxx_cow) {
            const address start = word_at(raw, 0);
            if (start < 3 * word_size) reader.fail(at, string_name<C>, "its pointer is null");
            reader.read_then(start - 3 * word_size, 3 * word_size, [&reader, at, start, &to](auto before) {
                const string_place place = find_shared_string<C>(reader, at, start, before.data());
                reader.fill(place.start, place.size, to);
            });
            return;
        }
        const string_place place = reader.layout() == object_layout::libcxx ? find_libcxx_string<C>(reader, at, raw)
                                                                            : find_libstdcxx_string<C>(reader, at, raw);
        const std::size_t whole = size(reader.layout());
        if (place.start < at || place.start - at > whole || place.size > (whole - (place.start - at)) / sizeof(C))
            return reader.fill(place.start, place.size, to);
        to.resize(place.size);
        std::memcpy(to.data(), raw + (place.start - at), place.size * sizeof(C));
    }
};

/// Reads the elements of an array of any type, by the container that it becomes.
template <class T, class Container>
void read_array(object_reader& reader, address at, std::uint64_t count, Container& to) {
    if constexpr (is_bytes<T>()) {
        reader.fill(at, count, to);
    } else if (count != 0) {
        reader.charge(at, count, sizeof(object_value<T>));
        const auto n = static_cast<std::size_t>(count);
        reader.read_then(at, n * object_type<T>::size(reader.layout()), [&reader, &to, at, n](auto raw) {
            to.resize(n);
            parse_elements<T>(reader, at, n, raw.data(), to.begin());
        });
    }
}

/// A pointer and a size, read as what it refers to.
template <class T, class Value>
struct view_type {
    static constexpr bool composite = true;
    using value = Value;

    static constexpr std::size_t size(object_layout) noexcept { return 2 * word_size; }
    static constexpr std::size_t alignment(object_layout) noexcept { return word_size; }
};

template <class C, class Traits>
struct object_type<std::basic_string_view<C, Traits>> : view_type<C, std::basic_string<C, Traits>> {
    static void parse(object_reader& reader, address, const std::byte* raw, std::basic_string<C, Traits>& to) {
        const bool pointer_first = reader.layout() == object_layout::libcxx;
        read_array<C>(reader, word_at(raw, pointer_first ? 0 : 1), word_at(raw, pointer_first ? 1 : 0), to);
    }
};

template <class T>
struct object_type<std::span<T, std::dynamic_extent>>
    : view_type<std::remove_cv_t<T>, std::vector<object_value<std::remove_cv_t<T>>>> {
    using element = std::remove_cv_t<T>;

    static void parse(object_reader& reader, address, const std::byte* raw, std::vector<object_value<element>>& to) {
        static_assert(!std::is_same_v<object_value<element>, bool>, "a std::span of bool cannot be read");
        read_array<element>(reader, word_at(raw, 0), word_at(raw, 1), to);
    }
};

}  // namespace vmio::detail
