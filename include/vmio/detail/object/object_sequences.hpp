// SPDX-License-Identifier: BSL-1.0
/// Vectors, optional values, what a pointer owns, pairs and tuples, as the standard libraries lay them out.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <vmio/detail/object/object_strings.hpp>
#include <vmio/detail/object/object_type.hpp>

namespace vmio::detail {

template <class T, class A>
struct object_type<std::vector<T, A>> {
    static_assert(std::is_empty_v<A>, "an allocator with a state has no known layout");
    static constexpr bool composite = true;
    using value =
        std::conditional_t<std::is_same_v<object_value<T>, T>, std::vector<T, A>, std::vector<object_value<T>>>;

    static constexpr std::size_t size(object_layout) noexcept { return 3 * word_size; }
    static constexpr std::size_t alignment(object_layout) noexcept { return word_size; }

    static void parse(object_reader& reader, address at, const std::byte* raw, value& to) {
        const address start = word_at(raw, 0);
        const address end = word_at(raw, 1);
        const std::size_t element = object_type<T>::size(reader.layout());
        if (end < start || word_at(raw, 2) < end)
            reader.fail(at, "std::vector", "its start, its end and the end of its room are not in order");
        if ((end - start) % element != 0)
            reader.fail(at, "std::vector", "its size is no multiple of its elements', " + std::to_string(element));
        read_array<T>(reader, start, (end - start) / element, to);
    }
};

template <class A>
struct object_type<std::vector<bool, A>> {
    static_assert(std::is_empty_v<A>, "an allocator with a state has no known layout");
    static constexpr bool composite = true;
    using value = std::vector<bool, A>;

    /// libstdc++: two iterators, each a pointer to a word and the number of a bit, and a pointer to the end.
    static constexpr std::size_t size(object_layout layout) noexcept {
        return (layout == object_layout::libcxx ? 3 : 5) * word_size;
    }
    static constexpr std::size_t alignment(object_layout) noexcept { return word_size; }
    static_assert(sizeof(value) == size(native_layout));

    static void parse(object_reader& reader, address at, const std::byte* raw, value& to) {
        constexpr std::size_t bits = 8 * word_size;
        const address start = word_at(raw, 0);
        std::uint64_t count = word_at(raw, 1);
        if (reader.layout() != object_layout::libcxx) {
            const address end = word_at(raw, 2);
            const auto first_bit = static_cast<unsigned>(word_at(raw, 1));
            const auto end_bit = static_cast<unsigned>(word_at(raw, 3));
            if (end < start || (end - start) % word_size != 0 || first_bit != 0 || end_bit >= bits)
                reader.fail(at, "std::vector<bool>", "its start and its end are not in order");
            count = (end - start) * 8 + end_bit;
        }
        if (count == 0) return;
        reader.charge(at, count, 1);
        reader.read_then(start, (count + bits - 1) / bits * word_size, [&to, count](auto words) {
            to.resize(static_cast<std::size_t>(count));
            for (std::size_t i = 0; i < to.size(); ++i) to[i] = word_at(words.data(), i / bits) >> i % bits & 1;
        });
    }
};

template <class T>
struct object_type<std::optional<T>> {
    static constexpr bool composite = true;
    using value = std::optional<object_value<T>>;

    /// The value, and whether there is one.
    static std::size_t size(object_layout layout) {
        return aligned(object_type<T>::size(layout) + 1, object_type<T>::alignment(layout));
    }
    static std::size_t alignment(object_layout layout) { return object_type<T>::alignment(layout); }

    static void parse(object_reader& reader, address at, const std::byte* raw, value& to) {
        const std::byte engaged = raw[object_type<T>::size(reader.layout())];
        if (engaged > std::byte{1})
            reader.fail(at, "std::optional", "the mark of its value is " + std::to_string(int(engaged)));
        if (engaged == std::byte{1}) object_type<T>::parse(reader, at, raw, to.emplace());
    }
};

template <class T, class D>
struct object_type<std::unique_ptr<T, D>> {
    static_assert(!std::is_array_v<T>, "how many elements a std::unique_ptr<T[]> has is not known");
    static_assert(std::is_same_v<D, std::default_delete<T>>, "a copy of an object cannot be given to this deleter");
    static constexpr bool composite = true;
    // Not object_value<T>: T may be a struct that has such a pointer itself.
    using value = std::unique_ptr<T, D>;

    static constexpr std::size_t size(object_layout) noexcept { return word_size; }
    static constexpr std::size_t alignment(object_layout) noexcept { return word_size; }

    static void parse(object_reader& reader, address, const std::byte* raw, value& to) {
        static_assert(std::is_same_v<object_value<T>, T>, "a std::unique_ptr to a view cannot be read");
        static constexpr char type = 0;
        const address owned = word_at(raw, 0);
        if (owned == 0) return;
        reader.read_owned(owned, object_type<T>::size(reader.layout()), &type, "std::unique_ptr",
                          [&reader, &to, owned](auto bytes) {
                              to = std::make_unique<T>();
                              object_type<T>::parse(reader, owned, bytes.data(), *to);
                          });
    }
};

/// Objects one after the other: size, alignment, and each with its offset.
template <class... T>
struct object_row {
    static std::size_t alignment(object_layout layout) {
        std::size_t most = 1;
        ((most = std::max(most, object_type<T>::alignment(layout))), ...);
        return most;
    }
    static std::size_t size(object_layout layout) {
        std::size_t end = 0;
        ((end = aligned(end, object_type<T>::alignment(layout)) + object_type<T>::size(layout)), ...);
        return aligned(end, alignment(layout));
    }
    template <class... To>
    static void parse(object_reader& reader, address at, const std::byte* raw, To&... to) {
        std::size_t offset = 0;
        (parse_one<T>(reader, at, raw, offset, to), ...);
    }

private:
    template <class One, class To>
    static void parse_one(object_reader& reader, address at, const std::byte* raw, std::size_t& offset, To& to) {
        offset = aligned(offset, object_type<One>::alignment(reader.layout()));
        object_type<One>::parse(reader, at + offset, raw + offset, to);
        offset += object_type<One>::size(reader.layout());
    }
};

template <class T, class U>
struct object_type<std::pair<T, U>> {
    static constexpr bool composite = true;
    using value = std::pair<object_value<T>, object_value<U>>;

    static std::size_t size(object_layout layout) { return object_row<T, U>::size(layout); }
    static std::size_t alignment(object_layout layout) { return object_row<T, U>::alignment(layout); }
    static void parse(object_reader& reader, address at, const std::byte* raw, value& to) {
        object_row<T, U>::parse(reader, at, raw, to.first, to.second);
    }
};

template <class... T>
struct object_type<std::tuple<T...>> {
    static_assert((!std::is_empty_v<T> && ...), "an element of a std::tuple that is empty has no place in it");
    static constexpr bool composite = true;
    using value = std::tuple<object_value<T>...>;

    static std::size_t size(object_layout layout) {
        return layout == object_layout::libcxx ? object_row<T...>::size(layout) : reversed::size(layout);
    }
    static std::size_t alignment(object_layout layout) { return object_row<T...>::alignment(layout); }
    static void parse(object_reader& reader, address at, const std::byte* raw, value& to) {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            if (reader.layout() == object_layout::libcxx)
                object_row<T...>::parse(reader, at, raw, std::get<I>(to)...);
            else
                reversed::parse(reader, at, raw, std::get<sizeof...(T) - 1 - I>(to)...);
        }
        (std::index_sequence_for<T...>());
    }

private:
    template <class Indices>
    struct reverse;
    template <std::size_t... I>
    struct reverse<std::index_sequence<I...>> {
        using row = object_row<std::tuple_element_t<sizeof...(T) - 1 - I, std::tuple<T...>>...>;
    };
    /// libstdc++ has the last element first.
    using reversed = typename reverse<std::index_sequence_for<T...>>::row;
};

}  // namespace vmio::detail
