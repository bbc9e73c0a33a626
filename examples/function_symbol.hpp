// SPDX-License-Identifier: BSL-1.0
/// Where a function of a live process is, by its name.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <elf.h>

#include <vmio/backing_file.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/memory_stream.hpp>

namespace tool {

/// The place in an ELF file (elf(5)) of 64 bits of the function `name`, as nm(1) shows it; nothing if the file has no
/// such symbol. A file that makes no sense has none.
inline std::optional<std::uint64_t> function_offset(const vmio::backing_file& elf, unsigned machine,
                                                    const std::string& name) {
    vmio::memory_istream<vmio::backing_file> file(elf, {0, elf.size()}, 1 << 14);
    const auto read_all = [&](auto& into, std::uint64_t from) {
        const auto bytes = into.size() * sizeof into[0];
        if (bytes > elf.size()) return false;
        file.clear();
        file.seekg(static_cast<std::streamoff>(from));
        return file.read(reinterpret_cast<char*>(into.data()), static_cast<std::streamsize>(bytes)).good();
    };
    const auto header = file.read_value<Elf64_Ehdr>();
    if (!file || std::string(reinterpret_cast<const char*>(header.e_ident), SELFMAG) != ELFMAG ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != machine)
        return std::nullopt;
    std::vector<Elf64_Phdr> segments(header.e_phnum);
    std::vector<Elf64_Shdr> sections(header.e_shnum);
    if (!read_all(segments, header.e_phoff) || !read_all(sections, header.e_shoff)) return std::nullopt;
    for (const Elf64_Shdr& table : sections) {
        if ((table.sh_type != SHT_SYMTAB && table.sh_type != SHT_DYNSYM) || table.sh_link >= sections.size()) continue;
        const Elf64_Shdr& strings = sections[table.sh_link];
        if (table.sh_size > elf.size() || strings.sh_size > elf.size()) continue;
        std::vector<Elf64_Sym> symbols(table.sh_size / sizeof(Elf64_Sym));
        std::string names(strings.sh_size, '\0');
        if (!read_all(symbols, table.sh_offset) || !read_all(names, strings.sh_offset)) continue;
        for (const Elf64_Sym& s : symbols) {
            if (ELF64_ST_TYPE(s.st_info) != STT_FUNC || s.st_shndx == SHN_UNDEF || s.st_name >= names.size()) continue;
            if (name != names.c_str() + s.st_name) continue;
            for (const Elf64_Phdr& p : segments)
                if (p.p_type == PT_LOAD && p.p_vaddr <= s.st_value && s.st_value - p.p_vaddr < p.p_filesz)
                    return s.st_value - p.p_vaddr + p.p_offset;
        }
    }
    return std::nullopt;
}

/// The function's address in the process: in the first file that has one of that name and is mapped for execution. So
/// it does not matter where the file was loaded.
inline std::optional<vmio::address> function_address(const vmio::process& target, unsigned machine,
                                                     const std::string& name) {
    std::set<std::string> looked_at;
    const vmio::memory_map map = vmio::memory_map::load(target);
    for (const vmio::mapping& code : map) {
        if (!code.perms.execute || !code.file_backed() || !looked_at.insert(code.name).second) continue;
        const vmio::backing_file file(target, code);
        const auto offset = file ? function_offset(file, machine, name) : std::nullopt;
        if (!offset) continue;
        for (const vmio::mapping& m : map)
            if (m.perms.execute && m.inode == code.inode && m.name == code.name && *offset >= m.offset &&
                *offset - m.offset < m.range.size())
                return m.range.start() + (*offset - m.offset);
    }
    return std::nullopt;
}

}  // namespace tool
