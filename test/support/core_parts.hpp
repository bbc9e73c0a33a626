// SPDX-License-Identifier: BSL-1.0
/// Core files that are put together byte by byte.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <elf.h>

#include <vmio/core_memory.hpp>
#include <vmio/file_error.hpp>

#include "support/files.hpp"
#include "support/scratch.hpp"

namespace test {

/// The parts of a core file, valid or not.
template <class Header, class Segment>
struct core_parts {
    Header header{};
    std::vector<Segment> segments;
    std::vector<std::byte> rest;  // from data_offset on

    static constexpr std::size_t data_offset = 4096;

    core_parts() {
        const bool wide = sizeof header.e_entry == 8;
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = wide ? ELFCLASS64 : ELFCLASS32;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_type = ET_CORE;
        header.e_machine = wide ? EM_X86_64 : EM_386;
        header.e_phoff = sizeof header;
        header.e_phentsize = sizeof(Segment);
    }

    Segment& add(std::uint64_t start, std::uint64_t size, std::uint64_t offset, std::uint64_t file_size) {
        Segment s{};
        s.p_type = PT_LOAD;
        s.p_flags = PF_R | PF_W;
        s.p_vaddr = static_cast<decltype(s.p_vaddr)>(start);
        s.p_memsz = static_cast<decltype(s.p_memsz)>(size);
        s.p_offset = static_cast<decltype(s.p_offset)>(data_offset + offset);
        s.p_filesz = static_cast<decltype(s.p_filesz)>(file_size);
        segments.push_back(s);
        header.e_phnum = static_cast<decltype(header.e_phnum)>(segments.size());
        return segments.back();
    }

    /// Appends a note to `rest`; add_notes() makes a segment of all.
    void add_note(std::string_view owner, std::uint32_t type, std::span<const std::byte> content) {
        const Elf64_Nhdr head{static_cast<std::uint32_t>(owner.size() + 1), static_cast<std::uint32_t>(content.size()),
                              type};
        const auto append = [this](const void* from, std::size_t size) {
            const auto* const first = static_cast<const std::byte*>(from);
            rest.insert(rest.end(), first, first + size);
            rest.resize((rest.size() + 3) / 4 * 4);
        };
        append(&head, sizeof head);
        append(std::string(owner).c_str(), owner.size() + 1);
        append(content.data(), content.size());
    }
    void add_notes() { add(0, 0, 0, rest.size()).p_type = PT_NOTE; }

    /// NT_FILE with one entry.
    void add_file(std::uint64_t start, std::uint64_t end, const std::string& name) {
        const std::uint64_t words[]{1, 1, start, end, 0};
        std::vector<std::byte> content(sizeof words + name.size() + 1);
        std::memcpy(content.data(), words, sizeof words);
        std::memcpy(content.data() + sizeof words, name.c_str(), name.size() + 1);
        add_note("CORE", NT_FILE, content);
    }

    std::vector<std::byte> bytes() const {
        std::vector<std::byte> all(std::max(data_offset, sizeof header + segments.size() * sizeof(Segment)));
        std::memcpy(all.data(), &header, sizeof header);
        if (!segments.empty())
            std::memcpy(all.data() + sizeof header, segments.data(), segments.size() * sizeof(Segment));
        all.insert(all.end(), rest.begin(), rest.end());
        return all;
    }

    vmio::core_memory open() const {
        const scratch_directory directory;
        write_file(directory / "core", bytes());
        return vmio::core_memory::open(directory / "core");
    }
    int error() const {
        try {
            open();
            return 0;
        } catch (const vmio::file_error& e) {
            return e.code().value();
        }
    }
};
using core_64 = core_parts<Elf64_Ehdr, Elf64_Phdr>;
using core_32 = core_parts<Elf32_Ehdr, Elf32_Phdr>;

}  // namespace test
