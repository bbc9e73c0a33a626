// SPDX-License-Identifier: BSL-1.0
/// The build id in the notes of an ELF file or image: elf(5), NT_GNU_BUILD_ID.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace vmio::detail {

/// Reads all of `to` from `offset` on, or returns false.
using elf_reader = std::function<bool(std::uint64_t offset, std::span<std::byte> to)>;

/// Whether offsets are those of the file, or of the image as it was loaded into memory, from its first byte on.
enum class elf_layout { file, memory };

/// Empty: none, not an ELF of this machine's byte order, or damaged. Trusts nothing that it reads: at most 64 KiB are
/// asked for at once.
std::vector<std::byte> elf_build_id(const elf_reader& read, elf_layout layout);

}  // namespace vmio::detail
