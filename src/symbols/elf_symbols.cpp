// SPDX-License-Identifier: BSL-1.0
#include "symbols/elf_symbols.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include <gelf.h>
#include <libelf.h>

namespace vmio::detail {
namespace {

constexpr std::size_t most_segments = 4096;
constexpr std::size_t most_notes_size = 1 << 16;

bool is_used(unsigned type) noexcept {
    return type == STT_FUNC || type == STT_OBJECT || type == STT_COMMON || type == STT_NOTYPE || type == STT_GNU_IFUNC;
}

symbol_kind kind_of(unsigned type) noexcept {
    if (type == STT_FUNC) return symbol_kind::function;
    if (type == STT_GNU_IFUNC) return symbol_kind::indirect_function;
    return type == STT_NOTYPE ? symbol_kind::other : symbol_kind::object;
}

/// Marks of code and data in files for ARM and RISC-V, which name nothing: $x, $d.
bool is_mapping_symbol(std::string_view name) noexcept {
    return name.size() >= 2 && name[0] == '$' && std::strchr("adtx", name[1]) != nullptr;
}

Elf* opened(Elf* elf) noexcept {
    if (elf == nullptr) return nullptr;
    GElf_Ehdr header;
    if (::elf_kind(elf) == ELF_K_ELF && ::gelf_getehdr(elf, &header) != nullptr) return elf;
    ::elf_end(elf);
    return nullptr;
}

bool has_libelf() noexcept {
    static const bool has = ::elf_version(EV_CURRENT) != EV_NONE;
    return has;
}

std::span<const std::byte> build_id_in(Elf_Data* notes) {
    GElf_Nhdr note;
    std::size_t name = 0;
    std::size_t content = 0;
    for (std::size_t at = 0; (at = ::gelf_getnote(notes, at, &note, &name, &content)) > 0;) {
        const auto* const bytes = static_cast<const char*>(notes->d_buf);
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU &&
            std::memcmp(bytes + name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0) {
            const auto* const id = reinterpret_cast<const std::byte*>(bytes + content);
            return {id, note.n_descsz};
        }
    }
    return {};
}

}  // namespace

elf_file::elf_file(int fd) : elf_(has_libelf() ? opened(::elf_begin(fd, ELF_C_READ, nullptr)) : nullptr) {}

elf_file::elf_file(std::span<std::byte> image)
    : elf_(has_libelf() ? opened(::elf_memory(reinterpret_cast<char*>(image.data()), image.size())) : nullptr) {}

elf_file::~elf_file() {
    ::elf_end(elf_);
}

std::vector<elf_segment> elf_file::segments() const {
    std::vector<elf_segment> all;
    std::size_t count = 0;
    if (::elf_getphdrnum(elf_, &count) != 0) return all;
    for (std::size_t i = 0; i < std::min(count, most_segments); ++i) {
        GElf_Phdr header;
        if (::gelf_getphdr(elf_, static_cast<int>(i), &header) == nullptr || header.p_type != PT_LOAD) continue;
        all.push_back({header.p_offset, header.p_vaddr, header.p_filesz, header.p_memsz, (header.p_flags & PF_X) != 0});
    }
    return all;
}

std::vector<std::byte> elf_file::build_id() const {
    std::size_t count = 0;
    if (::elf_getphdrnum(elf_, &count) != 0) return {};
    for (std::size_t i = 0; i < std::min(count, most_segments); ++i) {
        GElf_Phdr header;
        if (::gelf_getphdr(elf_, static_cast<int>(i), &header) == nullptr || header.p_type != PT_NOTE) continue;
        if (header.p_filesz > most_notes_size || header.p_offset > std::numeric_limits<std::int64_t>::max()) continue;
        Elf_Data* const notes = ::elf_getdata_rawchunk(elf_, static_cast<std::int64_t>(header.p_offset),
                                                       header.p_filesz, header.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
        if (notes == nullptr) continue;
        const std::span<const std::byte> id = build_id_in(notes);
        if (!id.empty()) return std::vector<std::byte>(id.begin(), id.end());
    }
    return {};
}

std::string elf_file::debug_link(std::uint32_t& checksum) const {
    std::size_t names = 0;
    if (::elf_getshdrstrndx(elf_, &names) != 0) return {};
    for (Elf_Scn* section = nullptr; (section = ::elf_nextscn(elf_, section)) != nullptr;) {
        GElf_Shdr header;
        if (::gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_PROGBITS || header.sh_size > 4096)
            continue;
        const char* const name = ::elf_strptr(elf_, names, header.sh_name);
        if (name == nullptr || std::strcmp(name, ".gnu_debuglink") != 0) continue;
        const Elf_Data* const data = ::elf_rawdata(section, nullptr);
        if (data == nullptr || data->d_buf == nullptr || data->d_size < sizeof checksum + 2) return {};
        const auto* const text = static_cast<const char*>(data->d_buf);
        const std::size_t size = ::strnlen(text, data->d_size - sizeof checksum);
        std::memcpy(&checksum, text + data->d_size - sizeof checksum, sizeof checksum);
        if (std::memchr(text, '/', size) != nullptr) return {};
        return std::string(text, size);
    }
    return {};
}

bool elf_file::append(std::uint32_t section_type, std::uint64_t most_bytes, std::vector<elf_symbol>& symbols,
                      std::string& names) const {
    for (Elf_Scn* section = nullptr; (section = ::elf_nextscn(elf_, section)) != nullptr;) {
        GElf_Shdr header;
        GElf_Shdr strings_header;
        if (::gelf_getshdr(section, &header) == nullptr || header.sh_type != section_type) continue;
        Elf_Scn* const strings = ::elf_getscn(elf_, header.sh_link);
        if (strings == nullptr || ::gelf_getshdr(strings, &strings_header) == nullptr) continue;
        const std::uint64_t room = std::numeric_limits<std::uint32_t>::max() - names.size();
        if (header.sh_size > most_bytes || strings_header.sh_size > std::min(most_bytes, room)) return false;
        if (strings_header.sh_type != SHT_STRTAB) continue;
        Elf_Data* const table = ::elf_getdata(section, nullptr);
        const Elf_Data* const text = ::elf_getdata(strings, nullptr);
        if (table == nullptr || text == nullptr || text->d_buf == nullptr || table->d_buf == nullptr) continue;
        const std::size_t base = names.size();
        names.append(static_cast<const char*>(text->d_buf), text->d_size);
        names += '\0';
        std::uint64_t left = text->d_size;  // of the bytes of names: they may share some of them
        const std::size_t entry = ::gelf_fsize(elf_, ELF_T_SYM, 1, EV_CURRENT);
        for (std::size_t i = 0; entry > 0 && i < table->d_size / entry; ++i) {
            GElf_Sym s;
            if (i > std::numeric_limits<int>::max() || ::gelf_getsym(table, static_cast<int>(i), &s) == nullptr) break;
            const unsigned type = GELF_ST_TYPE(s.st_info);
            if (!is_used(type) || s.st_shndx == SHN_UNDEF || s.st_shndx == SHN_ABS || s.st_name >= text->d_size)
                continue;
            const char* const name = names.data() + base + s.st_name;
            const std::size_t length = ::strnlen(name, text->d_size - s.st_name);
            if (length == 0 || is_mapping_symbol({name, length})) continue;
            constexpr std::uint64_t shared = 256;  // bytes of each
            if (length > left + shared) return false;
            left = left + shared - length;
            symbols.push_back({s.st_value, s.st_size, static_cast<std::uint32_t>(base + s.st_name),
                               static_cast<std::uint32_t>(length), kind_of(type),
                               GELF_ST_BIND(s.st_info) != STB_LOCAL});
        }
        return true;
    }
    return true;
}

}  // namespace vmio::detail
