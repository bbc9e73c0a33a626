// SPDX-License-Identifier: BSL-1.0
/// libFuzzer on core files that are valid in their form: an input is a list of choices of which one is built, with
/// segments, mapped files and notes that overlap, repeat or are cut off. The inputs in core_structure/ are tried first.
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include <elf.h>

#include <vmio/core_memory.hpp>
#include <vmio/file_error.hpp>

#include "fuzzing.hpp"

namespace {

using fuzz::must;

/// Addresses and offsets lie on a small grid, so that they meet.
constexpr std::uint64_t unit = 0x800;
constexpr std::uint64_t places = 24;

template <class T>
void append(std::vector<std::byte>& to, const T& value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    to.insert(to.end(), bytes.begin(), bytes.end());
}

void add_note(std::vector<std::byte>& notes, std::uint32_t type, const std::vector<std::byte>& content) {
    append(notes, Elf64_Nhdr{5, static_cast<std::uint32_t>(content.size()), type});
    append(notes, std::array<char, 8>{'C', 'O', 'R', 'E'});
    notes.insert(notes.end(), content.begin(), content.end());
    notes.resize((notes.size() + 3) / 4 * 4);
}

template <class Word>
std::vector<std::byte> file_note(fuzz::choices& from) {
    std::vector<std::byte> note;
    const auto count = from.below(12);
    append(note, static_cast<Word>(from.one_in(16) ? from.below(~std::uint64_t{0}) : count));
    append(note, static_cast<Word>(from.below(3)));
    std::string names;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t start = from.below(places);
        append(note, static_cast<Word>(start * unit));
        append(note, static_cast<Word>((start + from.below(places)) * unit));
        append(note, static_cast<Word>(from.below(8)));
        names += "/" + std::string(from.below(from.one_in(8) ? 4000 : 20), 'n');
        if (from.one_in(6)) names += " (deleted)";
        names += '\0';
    }
    const auto bytes = std::as_bytes(std::span(names));
    note.insert(note.end(), bytes.begin(), bytes.end());
    return note;
}

template <class Word>
std::vector<std::byte> notes_of(fuzz::choices& from) {
    constexpr std::uint32_t types[]{NT_PRSTATUS, NT_PRPSINFO, NT_AUXV, NT_SIGINFO, NT_PRFPREG, 0x202, 0x205};
    std::vector<std::byte> notes;
    for (std::uint64_t n = from.below(8); n > 0; --n)
        if (from.below(2) == 0)
            add_note(notes, NT_FILE, file_note<Word>(from));
        else
            add_note(notes, types[from.below(std::size(types))], std::vector<std::byte>(from.below(400)));
    return notes;
}

template <class Header, class Segment, class Section, class Word>
std::vector<std::byte> built(fuzz::choices& from) {
    constexpr unsigned machines[]{EM_X86_64, EM_386, EM_MIPS, EM_ARM, EM_S390};
    const std::vector<std::byte> notes = notes_of<Word>(from);
    const std::uint64_t count = 1 + from.below(from.one_in(8) ? 400 : 24);
    const bool section_first = from.below(2) == 0;
    Header header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = sizeof(Word) == 8 ? ELFCLASS64 : ELFCLASS32;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_CORE;
    header.e_machine = static_cast<decltype(header.e_machine)>(machines[from.below(std::size(machines))]);
    header.e_flags = static_cast<decltype(header.e_flags)>(from.below(2) * 0x20);
    header.e_phentsize = sizeof(Segment);
    header.e_phoff = static_cast<Word>(sizeof header + (section_first ? sizeof(Section) : 0));
    const bool is_many = from.one_in(3);
    header.e_phnum = static_cast<decltype(header.e_phnum)>(is_many ? PN_XNUM : count);
    const std::uint64_t notes_at = header.e_phoff + count * sizeof(Segment);
    const std::uint64_t data_at = notes_at + notes.size();
    const std::uint64_t data_size = from.below(places) * unit;
    if (is_many) {
        header.e_shentsize = sizeof(Section);
        header.e_shoff = static_cast<Word>(section_first ? sizeof header : data_at + data_size);
    }
    std::vector<std::byte> file;
    append(file, header);
    Section section{};
    section.sh_info = static_cast<decltype(section.sh_info)>(count + (from.one_in(16) ? from.below(70000) : 0));
    if (section_first) append(file, section);
    for (std::uint64_t i = 0; i < count; ++i) {
        Segment s{};
        const bool is_notes = i == 0 || from.one_in(20);
        s.p_type = is_notes ? PT_NOTE : from.one_in(30) ? PT_NULL : PT_LOAD;
        s.p_flags = static_cast<decltype(s.p_flags)>(from.below(8));
        s.p_offset = static_cast<Word>(is_notes ? notes_at : data_at + from.below(places) * unit);
        s.p_filesz = static_cast<Word>(is_notes ? notes.size() : from.below(places) * unit / 2);
        s.p_vaddr = static_cast<Word>(is_notes ? 0 : from.below(places) * unit);
        s.p_memsz = static_cast<Word>(is_notes ? 0 : from.below(places) * unit / 2);
        append(file, s);
    }
    file.insert(file.end(), notes.begin(), notes.end());
    for (std::uint64_t i = 0; i < data_size; ++i) file.push_back(static_cast<std::byte>(i * 7 + i / 256));
    if (!section_first) append(file, section);
    if (from.one_in(3)) file.resize(file.size() - from.below(file.size()));
    return file;
}

void look_at(const vmio::core_memory& core, std::size_t size) {
    vmio::address end = 0;
    for (const vmio::address_range& r : core.ranges()) {
        must(!r.empty() && r.start() >= end);
        end = r.end();
        std::vector<std::byte> bytes(static_cast<std::size_t>(r.size()));
        std::error_code ec;
        must(core.read_some(r.start(), bytes, ec) == bytes.size() && !ec);
        must(core.read_some(end, std::span(bytes).first(1), ec) == 0 && ec);
    }
    end = 0;
    for (const vmio::memory_gap& gap : core.gaps()) {
        must(!gap.range.empty() && gap.range.start() >= end);
        end = gap.range.end();
        must(gap.reason == vmio::gap_reason::not_dumped || core.cut_off());
    }
    end = 0;
    std::size_t names = 0;
    for (const vmio::mapping& m : core.mappings()) {
        must(!m.range.empty() && m.range.start() >= end);
        end = m.range.end();
        names += m.name.size();
    }
    must(names <= size);
    std::size_t notes = core.auxiliary_vector().size();
    for (const vmio::thread_registers& thread : core.threads())
        for (const vmio::register_set& set : thread.sets) notes += set.bytes.size();
    must(notes <= size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::choices from(data, size);
    const std::vector<std::byte> file = from.below(4) == 0
                                            ? built<Elf32_Ehdr, Elf32_Phdr, Elf32_Shdr, std::uint32_t>(from)
                                            : built<Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr, std::uint64_t>(from);
    try {
        look_at(vmio::core_memory::open(fuzz::memory_file(file).path()), file.size());
    } catch (const vmio::file_error& e) {
        must(e.code().value() == EBADMSG || e.code().value() == EINVAL);
    }
    return 0;
}
