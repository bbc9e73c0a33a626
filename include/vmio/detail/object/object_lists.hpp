// SPDX-License-Identifier: BSL-1.0
/// Deques and lists, as the standard libraries lay them out.
#pragma once

#include <cstddef>
#include <deque>
#include <forward_list>
#include <iterator>
#include <list>
#include <string>
#include <type_traits>
#include <utility>

#include <vmio/detail/object/object_sequences.hpp>
#include <vmio/detail/object/object_type.hpp>

namespace vmio::detail {

template <class T, class A>
struct object_type<std::deque<T, A>> {
    static_assert(std::is_empty_v<A>, "an allocator with a state has no known layout");
    static constexpr bool composite = true;
    using value = std::conditional_t<std::is_same_v<object_value<T>, T>, std::deque<T, A>, std::deque<object_value<T>>>;

    /// libstdc++: an array of pointers to blocks, its size, and two iterators: place, start and end of a block, and its
    /// pointer in the array. libc++: the array's room, its used part, its end; index of the first element, and size.
    static constexpr std::size_t size(object_layout layout) noexcept {
        return (layout == object_layout::libcxx ? 6 : 10) * word_size;
    }
    static constexpr std::size_t alignment(object_layout) noexcept { return word_size; }
    static_assert(sizeof(std::deque<T, A>) == size(native_layout));

    static void parse(object_reader& reader, address at, const std::byte* raw, value& to) {
        const std::size_t element = object_type<T>::size(reader.layout());
        const deque_place place = reader.layout() == object_layout::libcxx ? find_libcxx(reader, at, raw, element)
                                                                           : find_libstdcxx(reader, at, raw, element);
        if (place.count == 0) return;
        reader.charge(at, place.count, sizeof(object_value<T>));
        const std::uint64_t blocks = (place.first + place.count - 1) / place.in_block + 1;
        reader.read_then(place.pointers, blocks * word_size, [&reader, &to, place, element](auto pointers) {
            to.resize(static_cast<std::size_t>(place.count));
            std::size_t first = place.first;
            auto next = to.begin();
            for (std::size_t done = 0, block = 0; done < place.count; ++block, first = 0) {
                const auto n = static_cast<std::size_t>(std::min(place.in_block - first, place.count - done));
                const address start = word_at(pointers.data(), block) + first * element;
                reader.read_then(start, n * element, [&reader, start, n, next](auto bytes) {
                    parse_elements<T>(reader, start, n, bytes.data(), next);
                });
                next += static_cast<std::ptrdiff_t>(n);
                done += n;
            }
        });
    }

private:
    struct deque_place {
        address pointers;        // to the blocks, from the one of the first element on
        std::size_t first;       // its index there
        std::uint64_t count;     // of elements
        std::uint64_t in_block;  // of elements
    };

    static deque_place find_libstdcxx(object_reader& reader, address at, const std::byte* raw, std::size_t element) {
        const std::uint64_t in_block = element < 512 ? 512 / element : 1;
        const address start = word_at(raw, 2), block = word_at(raw, 3), pointer = word_at(raw, 5);
        const address end = word_at(raw, 6), end_block = word_at(raw, 7), end_pointer = word_at(raw, 9);
        if (pointer < word_at(raw, 0) || end_pointer < pointer || (end_pointer - pointer) % word_size != 0 ||
            (end_pointer - word_at(raw, 0)) / word_size >= word_at(raw, 1))
            reader.fail(at, "std::deque", "its ends do not lie in its array of blocks");
        if (start < block || (start - block) % element != 0 || (start - block) / element >= in_block ||
            end < end_block || (end - end_block) % element != 0 || (end - end_block) / element >= in_block)
            reader.fail(at, "std::deque", "its ends do not lie in their blocks");
        const std::uint64_t first = (start - block) / element;
        const std::uint64_t past = (end_pointer - pointer) / word_size * in_block + (end - end_block) / element;
        if (past < first) reader.fail(at, "std::deque", "its end lies before its start");
        return {pointer, static_cast<std::size_t>(first), past - first, in_block};
    }

    static deque_place find_libcxx(object_reader& reader, address at, const std::byte* raw, std::size_t element) {
        const std::uint64_t in_block = element < 256 ? 4096 / element : 16;
        const address begin = word_at(raw, 1), end = word_at(raw, 2);
        const std::uint64_t first = word_at(raw, 4), count = word_at(raw, 5);
        if (begin < word_at(raw, 0) || end < begin || word_at(raw, 3) < end || (end - begin) % word_size != 0)
            reader.fail(at, "std::deque", "the parts of its array of blocks are not in order");
        const std::uint64_t room = (end - begin) / word_size * in_block;
        if (first > room || count > room - first)
            reader.fail(at, "std::deque",
                        "its size is " + std::to_string(count) + ", which its blocks have no room for");
        return {begin + first / in_block * word_size, static_cast<std::size_t>(first % in_block), count, in_block};
    }
};

/// The nodes of a list, read one after the other.
template <class T, class Container>
struct list_walk {
    object_reader& reader;
    address list;
    const char* name;
    Container& to;
    std::size_t links;      // words before an element
    std::size_t next_link;  // index of the one to the next node
    bool has_previous;      // the other one leads back
    bool has_size;
    std::uint64_t size = 0;  // if has_size
    std::uint64_t count = 0;
    address end = 0;  // the node that is none
    address previous = 0;
    address mark = 0;  // a node that was met, to notice a circle
    std::uint64_t next_mark = 1;

    static void follow(list_walk walk, address node) {
        if (node == walk.end) {
            if (walk.has_size && walk.count != walk.size)
                walk.reader.fail(
                    walk.list, walk.name,
                    "its size is " + std::to_string(walk.size) + ", its nodes are " + std::to_string(walk.count));
            return;
        }
        if (walk.has_size && walk.count == walk.size)
            walk.reader.fail(walk.list, walk.name, "it has more nodes than its size, " + std::to_string(walk.size));
        if (node == 0) walk.reader.fail(walk.list, walk.name, "a pointer of it is null");
        if (node == walk.mark) walk.reader.fail(walk.list, walk.name, "its nodes form a circle");
        if (walk.count == walk.next_mark) {
            walk.mark = node;
            walk.next_mark *= 2;
        }
        walk.reader.charge(walk.list, walk.count + 1, 0);  // their number
        const std::size_t offset = aligned(walk.links * word_size, object_type<T>::alignment(walk.reader.layout()));
        walk.reader.read_then(
            node, offset + object_type<T>::size(walk.reader.layout()), [walk, node, offset](auto raw) mutable {
                if (walk.has_previous && word_at(raw.data(), 1 - walk.next_link) != walk.previous)
                    walk.reader.fail(walk.list, walk.name, "a node is not the one before the next one");
                ++walk.count;
                walk.previous = node;
                const address next = word_at(raw.data(), walk.next_link);
                object_type<T>::parse(walk.reader, node + offset, raw.data() + offset, walk.add());
                follow(std::move(walk), next);
            });
    }

    auto& add() {
        walk_charge();
        if constexpr (requires { to.emplace_back(); }) {
            return to.emplace_back();
        } else {
            last = to.emplace_after(count == 1 ? to.before_begin() : last);
            return *last;
        }
    }
    void walk_charge() { reader.charge(list, 1, sizeof(typename Container::value_type)); }

    typename Container::iterator last{};
};

template <class T, class A>
struct object_type<std::list<T, A>> {
    static_assert(std::is_empty_v<A>, "an allocator with a state has no known layout");
    static constexpr bool composite = true;
    using value = std::conditional_t<std::is_same_v<object_value<T>, T>, std::list<T, A>, std::list<object_value<T>>>;

    static constexpr std::size_t size(object_layout layout) noexcept {
        return (layout == object_layout::libstdcxx_cow ? 2 : 3) * word_size;
    }
    static constexpr std::size_t alignment(object_layout) noexcept { return word_size; }

    static void parse(object_reader& reader, address at, const std::byte* raw, value& to) {
        const std::size_t next_link = reader.layout() == object_layout::libcxx ? 1 : 0;
        const bool has_size = reader.layout() != object_layout::libstdcxx_cow;
        list_walk<T, value> walk{reader, at, "std::list", to, 2, next_link, true, has_size};
        if (has_size) walk.size = word_at(raw, 2);
        walk.end = walk.previous = at;
        walk.follow(walk, word_at(raw, next_link));
    }
};

template <class T, class A>
struct object_type<std::forward_list<T, A>> {
    static_assert(std::is_empty_v<A>, "an allocator with a state has no known layout");
    static constexpr bool composite = true;
    using value = std::conditional_t<std::is_same_v<object_value<T>, T>, std::forward_list<T, A>,
                                     std::forward_list<object_value<T>>>;

    static constexpr std::size_t size(object_layout) noexcept { return word_size; }
    static constexpr std::size_t alignment(object_layout) noexcept { return word_size; }

    static void parse(object_reader& reader, address at, const std::byte* raw, value& to) {
        list_walk<T, value> walk{reader, at, "std::forward_list", to, 1, 0, false, false};
        walk.follow(walk, word_at(raw, 0));
    }
};

}  // namespace vmio::detail
