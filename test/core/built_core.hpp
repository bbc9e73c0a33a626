// SPDX-License-Identifier: BSL-1.0
/// Core files of any word size and byte order, field by field.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <elf.h>

namespace test {

/// Appends integers in one byte order.
class ordered_bytes {
public:
    explicit ordered_bytes(std::endian order, unsigned word_size = 8) : order_(order), word_size_(word_size) {}

    ordered_bytes& number(std::uint64_t value, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i)
            bytes_.push_back(static_cast<std::byte>(value >> 8 * (order_ == std::endian::little ? i : size - 1 - i)));
        return *this;
    }
    ordered_bytes& half(std::uint64_t value) { return number(value, 2); }
    ordered_bytes& integer(std::uint64_t value) { return number(value, 4); }
    ordered_bytes& word(std::uint64_t value) { return number(value, word_size_); }
    ordered_bytes& zeros(std::size_t count) { return bytes_.resize(bytes_.size() + count), *this; }
    ordered_bytes& text(std::string_view from, std::size_t size) {
        const auto raw = std::as_bytes(std::span(from));
        bytes_.insert(bytes_.end(), raw.begin(), raw.end());
        return zeros(size - from.size());
    }
    ordered_bytes& append(const std::vector<std::byte>& more) {
        bytes_.insert(bytes_.end(), more.begin(), more.end());
        return *this;
    }
    const std::vector<std::byte>& bytes() const { return bytes_; }
    std::size_t size() const { return bytes_.size(); }

private:
    std::endian order_;
    unsigned word_size_;
    std::vector<std::byte> bytes_;
};

/// A core file with one note segment and segments of data.
struct built_core {
    struct segment {
        std::uint64_t start = 0;
        std::uint64_t memory_size = 0;
        std::vector<std::byte> content;
    };

    unsigned word_size = 8;
    std::endian order = std::endian::little;
    unsigned machine = EM_X86_64;
    std::uint32_t flags = 0;
    bool count_in_section = false;  // as with more segments than e_phnum holds
    std::vector<segment> segments;
    std::vector<std::byte> notes;

    ordered_bytes words() const { return ordered_bytes(order, word_size); }

    void add_note(std::uint32_t type, const std::vector<std::byte>& content) {
        ordered_bytes note = words();
        note.integer(5).integer(content.size()).integer(type).text("CORE", 8).append(content);
        note.zeros((4 - note.size() % 4) % 4);
        notes.insert(notes.end(), note.bytes().begin(), note.bytes().end());
    }

    std::vector<std::byte> bytes() const {
        const bool wide = word_size == 8;
        const std::size_t header_size = wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
        const std::size_t segment_size = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
        const std::size_t section_size = wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
        const std::size_t count = segments.size() + 1;
        const std::size_t notes_at = header_size + count * segment_size;
        std::size_t end = notes_at + notes.size();
        for (const segment& s : segments) end += s.content.size();

        ordered_bytes file = words();
        file.text({ELFMAG, SELFMAG}, SELFMAG).number(wide ? ELFCLASS64 : ELFCLASS32, 1);
        file.number(order == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB, 1).number(EV_CURRENT, 1);
        file.zeros(EI_NIDENT - file.size());
        file.half(ET_CORE).half(machine).integer(EV_CURRENT).word(0).word(header_size);
        file.word(count_in_section ? end : 0).integer(flags).half(header_size).half(segment_size);
        file.half(count_in_section ? PN_XNUM : count).half(section_size).half(0).half(0);
        const auto add = [&](std::uint32_t type, std::uint64_t at, std::uint64_t start, std::uint64_t size,
                             std::uint64_t memory_size) {
            const std::uint32_t permitted = type == PT_LOAD ? PF_R | PF_W : 0;
            file.integer(type);
            if (wide) file.integer(permitted);
            file.word(at).word(start).word(0).word(size).word(memory_size);
            if (!wide) file.integer(permitted);
            file.word(1);
        };
        add(PT_NOTE, notes_at, 0, notes.size(), 0);
        std::size_t at = notes_at + notes.size();
        for (const segment& s : segments) {
            add(PT_LOAD, at, s.start, s.content.size(), s.memory_size);
            at += s.content.size();
        }
        file.append(notes);
        for (const segment& s : segments) file.append(s.content);
        if (count_in_section) {  // sh_info alone is used
            file.integer(0).integer(0).word(0).word(0).word(0).word(0).integer(0).integer(count).word(0).word(0);
        }
        return file.bytes();
    }
};

}  // namespace test
