// SPDX-License-Identifier: BSL-1.0
/// The members of an aggregate, in their order.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

namespace vmio::detail {

/// Converts to the bases of T only.
template <class T>
struct any_base_of {
    template <class B>
    requires(std::is_base_of_v<B, T> && !std::is_same_v<B, T>) operator B() const;
};

template <class T>
concept has_base = requires {
    T{any_base_of<T>{}};
};

/// The most members that for_each_member() knows.
inline constexpr std::size_t most_members = 24;

/// Whether T can be initialised by N times `{}`, each for a member of any type that has a default, an array too.
template <class T, std::size_t N>
consteval bool is_initialised_by() {
    // clang-format off
    if constexpr (N == 1) return requires { T{{}}; };
    if constexpr (N == 2) return requires { T{{}, {}}; };
    if constexpr (N == 3) return requires { T{{}, {}, {}}; };
    if constexpr (N == 4) return requires { T{{}, {}, {}, {}}; };
    if constexpr (N == 5) return requires { T{{}, {}, {}, {}, {}}; };
    if constexpr (N == 6) return requires { T{{}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 7) return requires { T{{}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 8) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 9) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 10) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 11) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 12) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 13) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 14) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 15) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 16) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 17) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 18) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 19) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 20) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 21) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 22) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 23) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 24) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    if constexpr (N == 25) return requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
    // clang-format on
    return false;
}

template <class T, std::size_t N = most_members + 1>
consteval std::size_t count_members() {
    if constexpr (N == 0 || is_initialised_by<T, N>())
        return N;
    else
        return count_members<T, N - 1>();
}

/// The number of members of an aggregate without bases, or most_members + 1.
template <class T>
inline constexpr std::size_t member_count = count_members<T>();

/// Calls f(member) for each member of an aggregate that has no more than most_members.
template <class T, class F>
constexpr void for_each_member(T& object, F&& f) {
    const auto each = [&](auto&... members) { (f(members), ...); };
    constexpr std::size_t n = member_count<T>;
    static_assert(n <= most_members);
    // clang-format off
    if constexpr (n == 1) { auto& [a1] = object; each(a1); }
    else if constexpr (n == 2) { auto& [a1, a2] = object; each(a1, a2); }
    else if constexpr (n == 3) { auto& [a1, a2, a3] = object; each(a1, a2, a3); }
    else if constexpr (n == 4) { auto& [a1, a2, a3, a4] = object; each(a1, a2, a3, a4); }
    else if constexpr (n == 5) { auto& [a1, a2, a3, a4, a5] = object; each(a1, a2, a3, a4, a5); }
    else if constexpr (n == 6) { auto& [a1, a2, a3, a4, a5, a6] = object; each(a1, a2, a3, a4, a5, a6); }
    else if constexpr (n == 7) { auto& [a1, a2, a3, a4, a5, a6, a7] = object; each(a1, a2, a3, a4, a5, a6, a7); }
    else if constexpr (n == 8) { auto& [a1, a2, a3, a4, a5, a6, a7, a8] = object; each(a1, a2, a3, a4, a5, a6, a7, a8); }
    else if constexpr (n == 9) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9); }
    else if constexpr (n == 10) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10); }
    else if constexpr (n == 11) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11); }
    else if constexpr (n == 12) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12); }
    else if constexpr (n == 13) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13); }
    else if constexpr (n == 14) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14); }
    else if constexpr (n == 15) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15); }
    else if constexpr (n == 16) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16); }
    else if constexpr (n == 17) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17); }
    else if constexpr (n == 18) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18); }
    else if constexpr (n == 19) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19); }
    else if constexpr (n == 20) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20); }
    else if constexpr (n == 21) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21); }
    else if constexpr (n == 22) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22); }
    else if constexpr (n == 23) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23); }
    else if constexpr (n == 24) { auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24] = object; each(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24); }
    // clang-format on
}

}  // namespace vmio::detail
