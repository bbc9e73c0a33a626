// SPDX-License-Identifier: BSL-1.0
#include "maps/elf_build_id.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include <elf.h>

namespace vmio::detail {
namespace {

constexpr std::size_t most_notes = std::size_t{64} << 10;
constexpr std::size_t longest_build_id = 64;

template <class T>
bool read_one(const elf_reader& read, std::uint64_t offset, T& value) {
    return read(offset, std::as_writable_bytes(std::span(&value, 1)));
}

std::size_t aligned(std::size_t n, std::size_t to) {
    return (n + to - 1) & ~(to - 1);
}

/// Finds the id in a list of notes. A note is a header, a name and a description, both padded to `alignment`.
std::vector<std::byte> find_in_notes(std::span<const std::byte> notes, std::size_t alignment) {
    Elf64_Nhdr header;  // the same for 32 bits
    while (notes.size() >= sizeof header) {
        std::memcpy(&header, notes.data(), sizeof header);
        const std::size_t name_end = sizeof header + std::size_t{header.n_namesz};
        const std::size_t content = aligned(name_end, alignment);
        const std::size_t end = content + std::size_t{header.n_descsz};
        if (end > notes.size()) break;
        if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == sizeof ELF_NOTE_GNU &&
            std::memcmp(notes.data() + sizeof header, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0 &&
            header.n_descsz <= longest_build_id) {
            const auto id = notes.subspan(content, header.n_descsz);
            return {id.begin(), id.end()};
        }
        notes = notes.subspan(std::min(aligned(end, alignment), notes.size()));
    }
    return {};
}

/// Finds the id in the notes at `offset`, `size` bytes.
std::vector<std::byte> read_notes(const elf_reader& read, std::uint64_t offset, std::uint64_t size,
                                  std::uint64_t alignment) {
    std::vector<std::byte> notes(static_cast<std::size_t>(std::min<std::uint64_t>(size, most_notes)));
    if (notes.empty() || !read(offset, notes)) return {};
    return find_in_notes(notes, alignment == 8 ? 8 : 4);
}

template <class Header, class Segment, class Section>
std::vector<std::byte> find(const elf_reader& read, elf_layout layout) {
    Header header;
    if (!read_one(read, 0, header)) return {};
    std::optional<std::uint64_t> base;  // the link address of the first byte
    if (header.e_phentsize == sizeof(Segment)) {
        for (std::size_t i = 0; i < header.e_phnum; ++i) {
            Segment s;
            if (!read_one(read, header.e_phoff + i * sizeof s, s)) break;
            if (s.p_type == PT_LOAD && !base) base = s.p_vaddr - s.p_offset;
            if (s.p_type != PT_NOTE) continue;
            // PT_LOAD headers are sorted by address, but PT_NOTE may come before the first: then offset and address
            // agree.
            const std::uint64_t at = layout == elf_layout::file || !base ? s.p_offset : s.p_vaddr - *base;
            if (auto id = read_notes(read, at, s.p_filesz, s.p_align); !id.empty()) return id;
        }
    }
    // An object file or a kernel module has only sections, which are not loaded into memory.
    if (layout == elf_layout::memory || header.e_shentsize != sizeof(Section)) return {};
    for (std::size_t i = 0; i < header.e_shnum; ++i) {
        Section s;
        if (!read_one(read, header.e_shoff + i * sizeof s, s)) break;
        if (s.sh_type != SHT_NOTE) continue;
        if (auto id = read_notes(read, s.sh_offset, s.sh_size, s.sh_addralign); !id.empty()) return id;
    }
    return {};
}

}  // namespace

std::vector<std::byte> elf_build_id(const elf_reader& read, elf_layout layout) {
    unsigned char identification[EI_NIDENT];
    if (!read_one(read, 0, identification) || std::memcmp(identification, ELFMAG, SELFMAG) != 0) return {};
    constexpr auto our_order = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    if (identification[EI_DATA] != our_order) return {};
    switch (identification[EI_CLASS]) {
        case ELFCLASS64: return find<Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr>(read, layout);
        case ELFCLASS32: return find<Elf32_Ehdr, Elf32_Phdr, Elf32_Shdr>(read, layout);
        default: return {};
    }
}

}  // namespace vmio::detail
