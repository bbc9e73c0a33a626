// SPDX-License-Identifier: BSL-1.0
/// Objects of a target: values, structs, and the containers of the standard libraries.
#pragma once

#include <bit>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <span>
#include <system_error>
#include <type_traits>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/detail/memory_naming.hpp>
#include <vmio/detail/object/object_hashes.hpp>
#include <vmio/detail/object/object_lists.hpp>
#include <vmio/detail/object/object_reader.hpp>
#include <vmio/detail/object/object_sequences.hpp>
#include <vmio/detail/object/object_strings.hpp>
#include <vmio/detail/object/object_trees.hpp>
#include <vmio/detail/object/object_type.hpp>
#include <vmio/detail/read_all.hpp>
#include <vmio/detail/word_size.hpp>
#include <vmio/error.hpp>
#include <vmio/memory.hpp>
#include <vmio/object_limits.hpp>

namespace vmio {
namespace detail {

/// Reads all blocks, by few calls where the memory can.
template <class M>
void read_object_blocks(const void* memory, std::span<const remote_block> blocks) {
    const M& m = *static_cast<const M*>(memory);
    if constexpr (requires(std::span<block_transfer> results) { m.read_blocks(blocks, results); }) {
        if (blocks.size() > 1) {
            std::vector<block_transfer> results(blocks.size());
            m.read_blocks(blocks, results);
            for (std::size_t i = 0; i < blocks.size(); ++i)  // what is missing is read, or says why not
                read_all(m, blocks[i].start + results[i].moved, blocks[i].bytes.subspan(results[i].moved));
            return;
        }
    }
    for (const remote_block& block : blocks) read_all(m, block.start, block.bytes);
}

/// Errors: memory_error(EOPNOTSUPP) if the target's words or their bytes are not like ours.
template <class M>
void check_words(const M& m, address at) {
    unsigned size = sizeof(void*);
    std::endian order = std::endian::native;
    if constexpr (std::same_as<M, process_memory>)
        size = word_size_of(m.target());
    else if constexpr (requires { m.word_size(); })
        size = m.word_size();
    if constexpr (requires { m.byte_order(); }) order = m.byte_order();
    if (size != sizeof(void*) || order != std::endian::native)
        throw memory_error("read_object", process_id_of(m), at, std::error_code(EOPNOTSUPP, std::system_category()),
                           "of a target with other words or another byte order, only values without pointers are read");
}

}  // namespace detail

/// Reads a T that the target has at `from`. T is
///
/// - what is trivially copyable: numbers, enumerations, remote_ptr;
/// - a struct without bases whose members, at most 24, are themselves one of these, default-constructible;
/// - std::string, vector, array, optional, pair, tuple, deque, list, forward_list, unique_ptr, and map, set and their
///   multi- and unordered forms, of such types, with an allocator, an order and a hash that have no state;
/// - std::string_view and std::span, alone or in a container, which are read as a string and as a vector.
///
/// `layout`: of the library that the target's containers are of, see object_layout_of().
///
///     struct account { std::string name; std::map<std::string, double> limits; };
///     auto all = vmio::read_object<std::vector<account>>(memory, where);
///
/// Returns: the value; for a view, what it refers to. Errors: memory_error. Memory that cannot be read; EBADMSG, with
/// words: what is there is no T, since its parts disagree, or lead in a circle; EMSGSIZE: more than the limits permit;
/// EOPNOTSUPP: containers of a target whose words or byte order are not ours.
/// Cost: a call for each level of what refers to what, and not for each object: a vector of 1,000 strings takes 3; a
/// list or an unordered map one a node (see cached_memory), a map one for each level of its tree. Races: a running
/// target changes while it is read. What is returned may mix two states, and an error may only say so: pause the
/// target, or read a frozen one.
template <class T, class M>
requires memory_reader<const M> detail::object_value<T> read_object(const M& memory, address from,
                                                                    object_limits limits = {},
                                                                    object_layout layout = object_layout::native) {
    using type = detail::object_type<T>;
    if (layout == object_layout::native) layout = detail::native_layout;
    if constexpr (!detail::is_bytes<T>() && !std::is_same_v<T, bool>) detail::check_words(memory, from);
    detail::object_reader reader(&memory, &detail::read_object_blocks<M>, detail::process_id_of(memory), layout,
                                 limits);
    detail::object_value<T> value{};
    reader.read_then(from, type::size(layout),
                     [&](std::span<const std::byte> bytes) { type::parse(reader, from, bytes.data(), value); });
    reader.finish();
    return value;
}

}  // namespace vmio
