// SPDX-License-Identifier: BSL-1.0
/// The symbols of one ELF file, as they are in the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <vmio/symbols.hpp>

struct Elf;

namespace vmio::detail {

struct elf_symbol {
    std::uint64_t value = 0;  // an address of the file
    std::uint64_t size = 0;
    std::uint32_t name = 0;  // offset in elf_symbols::names()
    std::uint32_t name_size = 0;
    symbol_kind kind = symbol_kind::other;
    bool global = false;
};

struct elf_segment {
    std::uint64_t offset = 0;   // in the file
    std::uint64_t address = 0;  // of the file
    std::uint64_t size = 0;     // in the file
    std::uint64_t memory_size = 0;
    bool executable = false;
};

/// An ELF file opened by libelf. Nothing of it is trusted: what does not fit is left out.
class elf_file {
public:
    /// `fd` must stay open as long as this object.
    explicit elf_file(int fd);
    /// `image`, which must stay where it is: a file in memory, or its beginning.
    explicit elf_file(std::span<std::byte> image);
    elf_file(const elf_file&) = delete;
    elf_file& operator=(const elf_file&) = delete;
    ~elf_file();

    /// Whether it is an ELF file for this class of machine.
    explicit operator bool() const noexcept { return elf_ != nullptr; }

    std::vector<elf_segment> segments() const;
    /// Returns: the bytes of NT_GNU_BUILD_ID; empty if there is none.
    std::vector<std::byte> build_id() const;
    /// Returns: the name in .gnu_debuglink, and its checksum; empty if there is none.
    std::string debug_link(std::uint32_t& checksum) const;

    /// Appends the symbols of a section type, SHT_SYMTAB or SHT_DYNSYM, and their names.
    /// Only the first section of that type is read, as by other readers.
    /// Returns: false if a table is larger than `most_bytes`, or its names overlap so much that they are no names.
    bool append(std::uint32_t section_type, std::uint64_t most_bytes, std::vector<elf_symbol>& symbols,
                std::string& names) const;

private:
    Elf* elf_ = nullptr;
};

}  // namespace vmio::detail
