// SPDX-License-Identifier: BSL-1.0
/// Writing values and strings of a target in place.
#pragma once

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <vmio/address.hpp>
#include <vmio/detail/memory_naming.hpp>
#include <vmio/detail/object/object_strings.hpp>
#include <vmio/detail/read_all.hpp>
#include <vmio/error.hpp>
#include <vmio/memory.hpp>
#include <vmio/object_limits.hpp>
#include <vmio/read_object.hpp>

namespace vmio {
namespace detail {

/// Returns: where the characters of the string at `at` are. Errors: as for read_object().
template <class C, class M>
string_place find_string(const M& memory, address at, object_layout layout) {
    using type = object_type<std::basic_string<C>>;
    object_reader reader(&memory, &read_object_blocks<M>, process_id_of(memory), layout, {});
    string_place place;
    reader.read_then(at, type::size(layout), [&](std::span<const std::byte> raw) {
        if (layout == object_layout::libcxx) {
            place = find_libcxx_string<C>(reader, at, raw.data());
        } else if (layout == object_layout::libstdcxx) {
            place = find_libstdcxx_string<C>(reader, at, raw.data());
        } else {
            const address start = word_at(raw.data(), 0);
            reader.read_then(start - 3 * word_size, 3 * word_size, [&, start](std::span<const std::byte> before) {
                place = find_shared_string<C>(reader, at, start, before.data());
                if (static_cast<int>(word_at(before.data(), 2)) > 0)
                    reader.fail(at, "std::string of its own", "others share its characters");
            });
        }
    });
    reader.finish();
    return place;
}

}  // namespace detail

/// Writes a value that can be moved as bytes over the one at `to`.
/// Errors: memory_error.
template <class T, class M>
requires memory_writer<const M> && std::is_trivially_copyable_v<T> &&
    (!std::is_convertible_v<const T&, std::string_view>)void write_object(const M& memory, address to, const T& value) {
    static_assert(detail::is_bytes<T>() || std::is_same_v<T, bool>, "what it refers to is not in the target");
    detail::write_all(memory, to, std::as_bytes(std::span<const T, 1>(&value, 1)));
}

/// Replaces the characters of the std::string at `to` by those of `text`, in the room that it has: 15 or 22 characters
/// in the string itself, or what it has allocated. Nothing is allocated in the target.
/// Errors: memory_error; EMSGSIZE, nothing is written: the string has no room; EBADMSG: it is no string, or shares its
/// characters with others.
/// Races: characters and size are two writes: pause a target that may read the string meanwhile.
template <class M>
requires memory_reader<const M> && memory_writer<const M>
void write_object(const M& memory, address to, std::string_view text, object_layout layout = object_layout::native) {
    if (layout == object_layout::native) layout = detail::native_layout;
    detail::check_words(memory, to);
    const detail::string_place place = detail::find_string<char>(memory, to, layout);
    if (text.size() > place.capacity)
        throw memory_error("write_object", detail::process_id_of(memory), to,
                           std::error_code(EMSGSIZE, std::system_category()),
                           "the string there has room for " + std::to_string(place.capacity) + " characters, not for " +
                               std::to_string(text.size()));
    const std::string characters(text);  // and a NUL behind them
    detail::write_all(memory, place.start, std::as_bytes(std::span(characters.c_str(), characters.size() + 1)));
    if (place.short_form) {
        const auto doubled = static_cast<unsigned char>(text.size() * 2);
        detail::write_all(memory, place.size_at, std::as_bytes(std::span(&doubled, 1)));
    } else {
        const std::size_t size = text.size();
        detail::write_all(memory, place.size_at, std::as_bytes(std::span(&size, 1)));
    }
}

}  // namespace vmio
