// SPDX-License-Identifier: BSL-1.0
/// Unordered maps and sets, as the standard libraries lay them out.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <vmio/detail/object/object_sequences.hpp>
#include <vmio/detail/object/object_trees.hpp>
#include <vmio/detail/object/object_type.hpp>

namespace vmio::detail {

/// The nodes of a hash table, which both libraries link to one list, while they are read; then `to` is filled.
template <class Element, class Container>
class hash_walk : public std::enable_shared_from_this<hash_walk<Element, Container>> {
public:
    hash_walk(object_reader& reader, address table, const char* name, Container& to)
        : reader_(reader), table_(table), name_(name), to_(to) {}

    void parse(const std::byte* raw) {
        size_ = word_at(raw, 3);  // behind the buckets, their number, and the first node
        reader_.charge(table_, size_, 0);
        reader_.finally([self = this->shared_from_this()] { self->fill(); });
        follow(word_at(raw, 2));
    }

private:
    [[noreturn]] void wrong_size(const char* more) const {
        reader_.fail(
            table_, name_,
            "its size is " + std::to_string(size_) + ", its nodes are " + std::to_string(elements_.size()) + more);
    }

    void follow(address node) {
        if (node == 0) return;
        if (elements_.size() == size_) wrong_size(" or more");
        // libstdc++: a pointer to the next node, the element, and perhaps the hash. libc++: the hash comes first.
        const std::size_t words = reader_.layout() == object_layout::libcxx ? 2 : 1;
        const std::size_t offset = aligned(words * word_size, object_type<Element>::alignment(reader_.layout()));
        reader_.charge(node, 1, sizeof(object_value<Element>));
        reader_.read_then(node, offset + object_type<Element>::size(reader_.layout()),
                          [self = this->shared_from_this(), node, offset](auto raw) {
                              object_value<Element>& element = self->elements_.emplace_back();
                              object_type<Element>::parse(self->reader_, node + offset, raw.data() + offset, element);
                              self->follow(word_at(raw.data(), 0));
                          });
    }

    void fill() {
        if (elements_.size() != size_) wrong_size("");
        for (auto& element : elements_) to_.insert(std::move(element));
        if (to_.size() != size_) reader_.fail(table_, name_, "it has equal keys");
    }

    object_reader& reader_;
    address table_;
    const char* name_;
    Container& to_;
    std::uint64_t size_ = 0;
    std::deque<object_value<Element>> elements_;
};

template <class Element, class Hash, class Equal, class A, class Container>
struct hash_type {
    static_assert(std::is_empty_v<Hash> && std::is_empty_v<Equal>, "a hash with a state has no known layout");
    static_assert(std::is_empty_v<A>, "an allocator with a state has no known layout");
    static constexpr bool composite = true;
    using value = Container;

    /// Also: when to rehash, and in libstdc++ a bucket for the table that has only one.
    static constexpr std::size_t size(object_layout layout) noexcept {
        return (layout == object_layout::libcxx ? 5 : 7) * word_size;
    }
    static constexpr std::size_t alignment(object_layout) noexcept { return word_size; }
    static_assert(sizeof(value) == size(native_layout));

protected:
    static void parse_hash(object_reader& reader, address at, const std::byte* raw, value& to, const char* name) {
        std::make_shared<hash_walk<Element, Container>>(reader, at, name, to)->parse(raw);
    }
};

template <class K, class H>
using hash_of = of_same_key<K, H, std::hash<object_value<K>>>;
template <class K, class E>
using equality_of = of_same_key<K, E, std::equal_to<>>;

template <class K, class H, class E>
using unordered_set_value = std::unordered_set<object_value<K>, hash_of<K, H>, equality_of<K, E>>;
template <class K, class H, class E>
using unordered_multiset_value = std::unordered_multiset<object_value<K>, hash_of<K, H>, equality_of<K, E>>;
template <class K, class V, class H, class E>
using unordered_map_value = std::unordered_map<object_value<K>, object_value<V>, hash_of<K, H>, equality_of<K, E>>;
template <class K, class V, class H, class E>
using unordered_multimap_value =
    std::unordered_multimap<object_value<K>, object_value<V>, hash_of<K, H>, equality_of<K, E>>;

template <class K, class H, class E, class A>
struct object_type<std::unordered_set<K, H, E, A>> : hash_type<K, H, E, A, unordered_set_value<K, H, E>> {
    static void parse(object_reader& reader, address at, const std::byte* raw, unordered_set_value<K, H, E>& to) {
        object_type::parse_hash(reader, at, raw, to, "std::unordered_set");
    }
};
template <class K, class H, class E, class A>
struct object_type<std::unordered_multiset<K, H, E, A>> : hash_type<K, H, E, A, unordered_multiset_value<K, H, E>> {
    static void parse(object_reader& reader, address at, const std::byte* raw, unordered_multiset_value<K, H, E>& to) {
        object_type::parse_hash(reader, at, raw, to, "std::unordered_multiset");
    }
};
template <class K, class V, class H, class E, class A>
struct object_type<std::unordered_map<K, V, H, E, A>>
    : hash_type<std::pair<K, V>, H, E, A, unordered_map_value<K, V, H, E>> {
    static void parse(object_reader& reader, address at, const std::byte* raw, unordered_map_value<K, V, H, E>& to) {
        object_type::parse_hash(reader, at, raw, to, "std::unordered_map");
    }
};
template <class K, class V, class H, class E, class A>
struct object_type<std::unordered_multimap<K, V, H, E, A>>
    : hash_type<std::pair<K, V>, H, E, A, unordered_multimap_value<K, V, H, E>> {
    static void parse(object_reader& reader, address at, const std::byte* raw,
                      unordered_multimap_value<K, V, H, E>& to) {
        object_type::parse_hash(reader, at, raw, to, "std::unordered_multimap");
    }
};

}  // namespace vmio::detail
