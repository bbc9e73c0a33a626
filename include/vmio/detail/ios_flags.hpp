// SPDX-License-Identifier: BSL-1.0
/// Recognizes flags of std::ios_base where a number is expected.
#pragma once

#include <concepts>
#include <ios>
#include <type_traits>

namespace vmio::detail {

/// A flag of std::ios_base. In libstdc++ these are unscoped enumerations, so std::ios::in would convert to an address
/// or to a buffer size; overloads that are deleted for them make that an error. In libc++ most of them are plain
/// integers, which cannot be distinguished from other numbers.
template <class T>
concept ios_flag = std::is_enum_v<T> &&
    (std::same_as<T, std::ios_base::openmode> || std::same_as<T, std::ios_base::seekdir> ||
     std::same_as<T, std::ios_base::iostate> || std::same_as<T, std::ios_base::fmtflags>);

/// Whether one of the arguments is a flag of std::ios_base.
template <class... Args>
concept with_ios_flag = (ios_flag<std::remove_cvref_t<Args>> || ...);

/// Whether one of the arguments is a flag of std::ios_base, or a pointer or a string where an address or a process id
/// is expected: overloads that are deleted for them say so in one line.
template <class... Args>
concept mistaken = with_ios_flag<Args...> ||(std::is_pointer_v<std::decay_t<Args>> || ...);

}  // namespace vmio::detail
