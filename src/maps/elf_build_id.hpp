// SPDX-License-Identifier: BSL-1.0
/// Finds the build id in the notes of an ELF file or image: elf(5), NT_GNU_BUILD_ID.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace vmio::detail {

/// Budget for all reads: in bytes, and each read costs 512 bytes in addition.
struct read_budget {
    std::uint64_t left = 0;

    /// Returns: false if `bytes` exceed the budget, which is then exhausted.
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

/// Whether offsets are those of the file, or of the image in memory, from its first byte.
enum class elf_layout { file, memory };

/// Returns: the build id; empty if there is none, or if this is not an intact ELF file of this machine's byte order.
/// The content is untrusted: reads at most 64 KiB at once, and ends when `read` fails, which limits files with
/// excessively many headers.
std::vector<std::byte> elf_build_id(const elf_reader& read, elf_layout layout);

}  // namespace vmio::detail
