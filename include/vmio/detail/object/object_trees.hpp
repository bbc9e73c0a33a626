// SPDX-License-Identifier: BSL-1.0
/// Maps and sets, as the standard libraries lay them out.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <vmio/detail/object/object_sequences.hpp>
#include <vmio/detail/object/object_type.hpp>

namespace vmio::detail {

/// The nodes of a red-black tree, while they are read; then `to` is filled in their order.
template <class Element, class Container>
class tree_walk : public std::enable_shared_from_this<tree_walk<Element, Container>> {
public:
    tree_walk(object_reader& reader, address tree, const char* name, Container& to)
        : reader_(reader), tree_(tree), name_(name), to_(to) {}

    void parse(const std::byte* raw) {
        const bool libcxx = reader_.layout() == object_layout::libcxx;
        // libstdc++: the order, a head like a node without an element, whose parent is the root, and the size.
        // libc++: the first node, a head of one pointer, to the root, and the size.
        const address root = word_at(raw, libcxx ? 1 : 2);
        size_ = word_at(raw, libcxx ? 2 : 5);
        if ((root == 0) != (size_ == 0)) wrong_size();
        if (root == 0) return;
        reader_.charge(tree_, size_, 0);
        reader_.finally([self = this->shared_from_this()] { self->fill(); });
        visit(root, tree_ + word_size, &root_);
    }

private:
    struct node {
        object_value<Element> element{};
        node* left = nullptr;
        node* right = nullptr;
    };

    [[noreturn]] void wrong_size() const {
        reader_.fail(tree_, name_,
                     "its size is " + std::to_string(size_) + ", its nodes are " + std::to_string(nodes_.size()) +
                         (nodes_.size() > size_ ? " or more" : ""));
    }

    void visit(address at, address parent, node** link) {
        if (started_ == size_) wrong_size();
        ++started_;
        const bool libcxx = reader_.layout() == object_layout::libcxx;
        // libstdc++: colour, parent, left, right. libc++: left, right, parent, and a byte of colour, behind which an
        // element may begin at once.
        const std::size_t offset =
            aligned(libcxx ? 3 * word_size + 1 : 4 * word_size, object_type<Element>::alignment(reader_.layout()));
        reader_.charge(at, 1, sizeof(node));
        reader_.read_then(at, offset + object_type<Element>::size(reader_.layout()),
                          [self = this->shared_from_this(), at, parent, link, libcxx, offset](auto raw) {
                              const std::byte* const words = raw.data();
                              if (word_at(words, libcxx ? 2 : 1) != parent)
                                  self->reader_.fail(self->tree_, self->name_,
                                                     "a node is not the one that the node above it leads to");
                              node& n = self->nodes_.emplace_back();
                              *link = &n;
                              if (const address left = word_at(words, libcxx ? 0 : 2)) self->visit(left, at, &n.left);
                              if (const address right = word_at(words, libcxx ? 1 : 3))
                                  self->visit(right, at, &n.right);
                              object_type<Element>::parse(self->reader_, at + offset, words + offset, n.element);
                          });
    }

    void fill() {
        std::vector<node*> above;
        for (node* n = root_; n != nullptr || !above.empty();) {
            if (n != nullptr) {
                above.push_back(n);
                n = n->left;
            } else {
                n = above.back();
                above.pop_back();
                to_.insert(to_.end(), std::move(n->element));
                n = n->right;
            }
        }
        if (nodes_.size() != size_) wrong_size();
        if (to_.size() != size_) reader_.fail(tree_, name_, "it has equal keys");
    }

    object_reader& reader_;
    address tree_;
    const char* name_;
    Container& to_;
    std::uint64_t size_ = 0;
    std::uint64_t started_ = 0;
    node* root_ = nullptr;
    std::deque<node> nodes_;
};

template <class Element, class Order, class A, class Container>
struct tree_type {
    static_assert(std::is_empty_v<Order>, "an order with a state has no known layout");
    static_assert(std::is_empty_v<A>, "an allocator with a state has no known layout");
    static constexpr bool composite = true;
    using value = Container;

    static constexpr std::size_t size(object_layout layout) noexcept {
        return (layout == object_layout::libcxx ? 3 : 6) * word_size;
    }
    static constexpr std::size_t alignment(object_layout) noexcept { return word_size; }
    static_assert(sizeof(value) == size(native_layout));

protected:
    static void parse_tree(object_reader& reader, address at, const std::byte* raw, value& to, const char* name) {
        std::make_shared<tree_walk<Element, Container>>(reader, at, name, to)->parse(raw);
    }
};

/// The order of keys, or a hash or comparison of them, where the keys are read as they are; else `Other`.
template <class K, class Function, class Other>
using of_same_key = std::conditional_t<std::is_same_v<object_value<K>, K>, Function, Other>;

template <class K, class O>
using set_value = std::set<object_value<K>, of_same_key<K, O, std::less<>>>;
template <class K, class O>
using multiset_value = std::multiset<object_value<K>, of_same_key<K, O, std::less<>>>;
template <class K, class V, class O>
using map_value = std::map<object_value<K>, object_value<V>, of_same_key<K, O, std::less<>>>;
template <class K, class V, class O>
using multimap_value = std::multimap<object_value<K>, object_value<V>, of_same_key<K, O, std::less<>>>;

template <class K, class O, class A>
struct object_type<std::set<K, O, A>> : tree_type<K, O, A, set_value<K, O>> {
    static void parse(object_reader& reader, address at, const std::byte* raw, set_value<K, O>& to) {
        object_type::parse_tree(reader, at, raw, to, "std::set");
    }
};
template <class K, class O, class A>
struct object_type<std::multiset<K, O, A>> : tree_type<K, O, A, multiset_value<K, O>> {
    static void parse(object_reader& reader, address at, const std::byte* raw, multiset_value<K, O>& to) {
        object_type::parse_tree(reader, at, raw, to, "std::multiset");
    }
};
template <class K, class V, class O, class A>
struct object_type<std::map<K, V, O, A>> : tree_type<std::pair<K, V>, O, A, map_value<K, V, O>> {
    static void parse(object_reader& reader, address at, const std::byte* raw, map_value<K, V, O>& to) {
        object_type::parse_tree(reader, at, raw, to, "std::map");
    }
};
template <class K, class V, class O, class A>
struct object_type<std::multimap<K, V, O, A>> : tree_type<std::pair<K, V>, O, A, multimap_value<K, V, O>> {
    static void parse(object_reader& reader, address at, const std::byte* raw, multimap_value<K, V, O>& to) {
        object_type::parse_tree(reader, at, raw, to, "std::multimap");
    }
};

}  // namespace vmio::detail
