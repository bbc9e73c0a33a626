// SPDX-License-Identifier: BSL-1.0
/// std::format of the types of this library that have a to_string(), where the standard library has std::format: the
/// same text, with the format of a string, as in std::format("{:>30}", range).
#pragma once

#include <version>

#ifdef __cpp_lib_format

#include <format>
#include <string>
#include <string_view>
#include <type_traits>

#include <vmio/address.hpp>
#include <vmio/block_scanner.hpp>
#include <vmio/cow_view.hpp>
#include <vmio/mapping.hpp>
#include <vmio/memory_diff.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/page_state.hpp>

namespace vmio::detail {

template <class T, class... Others>
inline constexpr bool is_one_of = (std::is_same_v<T, Others> || ...);

template <class T>
concept formatted_as_text = is_one_of<T, address_range, permissions, mapping, memory_gap, page_state, page_run,
                                      memory_block, block_result, changed_run, memory_difference>;

}  // namespace vmio::detail

template <vmio::detail::formatted_as_text T>
struct std::formatter<T, char> : std::formatter<std::string_view, char> {
    /// Writes to_string(value).
    template <class Context>
    auto format(const T& value, Context& context) const {
        return std::formatter<std::string_view, char>::format(to_string(value), context);
    }
};

#endif
