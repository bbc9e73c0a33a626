// SPDX-License-Identifier: BSL-1.0
/// Finds the build id in the notes of an ELF file or image: elf(5), NT_GNU_BUILD_ID.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace vmio::detail {

/// What reads may cost together: bytes, and for each read as much as 512 of them.
struct read_budget {
    std::uint64_t left = 0;

    /// False, and nothing is left, if `bytes` are too many.
    bool take(std::size_t bytes) noexcept {
        const std::uint64_t cost = std::uint64_t{bytes} + 512;
        const bool enough = cost <= left;
        left = enough ? left - cost : 0;
        return enough;
    }
};

/// Reads all of `to` from `offset` on.
/// Returns: false if that fails.
using elf_reader = std::function<bool(std::uint64_t offset, std::span<std::byte> to)>;

/// Whether offsets are those of the file, or of the image in memory, from its first byte on.
enum class elf_layout { file, memory };

/// Returns: the build id; empty if there is none, or if this is no ELF file of our byte order, or a damaged one. Trusts
/// nothing that it reads: asks for at most 64 KiB at once, and ends when `read` fails, which bounds a file that has
/// more headers than any real one.
std::vector<std::byte> elf_build_id(const elf_reader& read, elf_layout layout);

}  // namespace vmio::detail
