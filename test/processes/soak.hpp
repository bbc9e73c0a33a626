// SPDX-License-Identifier: BSL-1.0
/// The memory of a soak target: each byte is a function of its address and of the program that the target runs.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include <vmio/address.hpp>

namespace test::soak {

/// The same place in every program, so that a byte of one that is taken for another's is seen.
constexpr vmio::address start = 0x2000000000;
constexpr std::size_t page_count = 64;

/// The second word of each page; the first is the number of the program.
constexpr std::uint64_t magic = 0xb1d5c4a7e39f2860;

inline std::byte expected(vmio::address a, std::uint64_t program) {
    a = (a ^ program << 40) * 0x9e3779b97f4a7c15ULL;
    a = (a ^ a >> 32) * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::byte>(a >> 56);
}

inline void fill(vmio::address at, std::span<std::byte> page, std::uint64_t program) {
    for (std::size_t i = 0; i < page.size(); ++i) page[i] = expected(at + i, program);
    std::memcpy(page.data(), &program, sizeof program);
    std::memcpy(page.data() + sizeof program, &magic, sizeof magic);
}

/// The number of the program that the page is of, 0 if it has a byte that no program has there.
inline std::uint64_t program_of(vmio::address at, std::span<const std::byte> page) {
    std::uint64_t head[2];
    std::memcpy(head, page.data(), sizeof head);
    if (head[1] != magic) return 0;
    for (std::size_t i = sizeof head; i < page.size(); ++i)
        if (page[i] != expected(at + i, head[0])) return 0;
    return head[0];
}

}  // namespace test::soak
