// SPDX-License-Identifier: BSL-1.0
#include "core/core_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <elf.h>
#include <link.h>
#include <sys/procfs.h>

#include <vmio/error.hpp>

#include "base/system_error.hpp"
#include "core/core_note_layout.hpp"
#include "proc/maps_text.hpp"

/// The ELF header of this library, defined by the linker: the core file has the same machine and flags.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

namespace vmio::detail {
namespace {

using header = ElfW(Ehdr);
using segment_header = ElfW(Phdr);
using section_header = ElfW(Shdr);
using word = ElfW(Addr);

template <class T>
void append(std::vector<std::byte>& to, const T& value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    to.insert(to.end(), bytes.begin(), bytes.end());
}

void append_padded(std::vector<std::byte>& to, std::span<const std::byte> bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
    to.resize(static_cast<std::size_t>(align_up(to.size(), 4)));
}

void add_note(std::vector<std::byte>& notes, std::string_view owner, std::uint32_t type,
              std::span<const std::byte> content) {
    const auto name_size = static_cast<std::uint32_t>(owner.size() + 1);  // with the NUL
    append(notes, Elf64_Nhdr{name_size, static_cast<std::uint32_t>(content.size()), type});
    append_padded(notes, {reinterpret_cast<const std::byte*>(owner.data()), name_size});
    append_padded(notes, content);
}

void add_process(std::vector<std::byte>& notes, const core_image& image) {
    constexpr std::string_view states = "RSDTZW";  // in the order of pr_state; other states have no number
    const process_numbers& numbers = image.numbers;
    const std::size_t state = states.find(numbers.state);
    elf_prpsinfo info{};
    info.pr_state = static_cast<decltype(info.pr_state)>(state == states.npos ? 0 : state);
    info.pr_sname = numbers.state;
    info.pr_zomb = static_cast<decltype(info.pr_zomb)>(numbers.state == 'Z');
    info.pr_nice = static_cast<decltype(info.pr_nice)>(numbers.nice);
    info.pr_flag = static_cast<decltype(info.pr_flag)>(numbers.flags);
    info.pr_uid = static_cast<decltype(info.pr_uid)>(numbers.user);
    info.pr_gid = static_cast<decltype(info.pr_gid)>(numbers.group);
    info.pr_pid = image.process_id;
    info.pr_ppid = numbers.parent;
    info.pr_pgrp = numbers.process_group;
    info.pr_sid = numbers.session;
    image.program.copy(info.pr_fname, sizeof info.pr_fname - 1);
    image.arguments.copy(info.pr_psargs, sizeof info.pr_psargs - 1);
    add_note(notes, "CORE", NT_PRPSINFO, std::as_bytes(std::span(&info, 1)));
}

void add_files(std::vector<std::byte>& notes, const std::vector<mapping>& mappings) {
    std::vector<std::byte> content;
    std::vector<std::byte> names;
    word count = 0;
    append(content, count);
    append(content, static_cast<word>(page_size()));
    for (const mapping& m : mappings) {
        if (!m.name.starts_with('/')) continue;
        ++count;
        append(content, static_cast<word>(m.range.start()));
        append(content, static_cast<word>(m.range.end()));
        append(content, static_cast<word>(m.offset / page_size()));
        const std::string name = m.deleted ? m.name + std::string(deleted_mark) : m.name;
        const auto bytes = std::as_bytes(std::span(name.c_str(), name.size() + 1));
        names.insert(names.end(), bytes.begin(), bytes.end());
    }
    if (count == 0) return;
    std::memcpy(content.data(), &count, sizeof count);
    content.insert(content.end(), names.begin(), names.end());
    add_note(notes, "CORE", NT_FILE, content);
}

/// Adds NT_PRSTATUS, which contains the general registers, and then the other register sets of the thread.
void add_thread(std::vector<std::byte>& notes, pid_t process_id, const thread_registers& thread) {
    const std::span<const std::byte> general = thread.bytes(NT_PRSTATUS);
    if (general.size() != sizeof(elf_gregset_t))
        throw memory_error("core of a program of another word size", process_id, 0, system_error_of(EOPNOTSUPP),
                           "its registers cannot be written; core_options::pause = false writes its memory alone");
    constexpr core_note_layout layout(sizeof(word), sizeof(word));  // the registers of this machine are words
    std::vector<std::byte> status(layout.registers + general.size() + layout.after_registers);
    const auto put = [&status](std::size_t at, const auto& value) {
        std::memcpy(status.data() + at, &value, sizeof value);
    };
    put(0, std::int32_t{thread.signal});
    put(layout.signal, static_cast<std::int16_t>(thread.signal));
    put(layout.thread_id, std::int32_t{thread.id});
    std::memcpy(status.data() + layout.registers, general.data(), general.size());
    put(layout.registers + general.size(), std::int32_t{thread.bytes(NT_PRFPREG).empty() ? 0 : 1});
    add_note(notes, "CORE", NT_PRSTATUS, status);
    for (const register_set& set : thread.sets)
        if (set.type != NT_PRSTATUS)
            add_note(notes, set.type == NT_PRFPREG || set.type == NT_SIGINFO ? "CORE" : "LINUX", set.type, set.bytes);
}

/// Whether the words of the vector have the word size of the file; false for a 32-bit program in a 64-bit file.
bool has_our_words(std::span<const std::byte> auxiliary_vector) {
    word entry[2];  // type and value
    for (; auxiliary_vector.size() >= sizeof entry; auxiliary_vector = auxiliary_vector.subspan(sizeof entry)) {
        std::memcpy(entry, auxiliary_vector.data(), sizeof entry);
        if (entry[0] == AT_PHENT) return entry[1] == sizeof(segment_header);
    }
    return false;
}

std::vector<std::byte> notes_of(const core_image& image) {
    std::vector<std::byte> notes;
    add_process(notes, image);
    if (has_our_words(image.auxiliary_vector)) add_note(notes, "CORE", NT_AUXV, image.auxiliary_vector);
    add_files(notes, image.mappings);
    for (const thread_registers& thread : image.threads) add_thread(notes, image.process_id, thread);
    return notes;
}

/// One segment for each mapping, split after each omitted part: the bytes of a segment must be at its start.
std::vector<segment_header> segments_of(const core_image& image) {
    std::vector<segment_header> segments;
    segments.reserve(image.mappings.size() + image.left_out.size());
    auto out = image.left_out.begin();
    for (const mapping& m : image.mappings) {
        segment_header s{};
        s.p_type = PT_LOAD;
        s.p_flags = (m.perms.read ? PF_R : 0u) | (m.perms.write ? PF_W : 0u) | (m.perms.execute ? PF_X : 0u);
        s.p_align = page_size();
        for (address at = m.range.start(); at < m.range.end(); at += s.p_memsz) {
            while (out != image.left_out.end() && out->end() <= at) ++out;
            const bool none = out == image.left_out.end();
            const address data_end = none ? m.range.end() : std::clamp(out->start(), at, m.range.end());
            const address end = none ? m.range.end() : std::min(out->end(), m.range.end());
            s.p_vaddr = at;
            s.p_filesz = data_end - at;
            s.p_memsz = end - at;
            segments.push_back(s);
        }
    }
    return segments;
}

/// Sets the file offsets of the segments, and `end`, the size of the file. Returns: all bytes before the memory.
std::vector<std::byte> head_of(const core_image& image, std::vector<segment_header>& segments, std::uint64_t& end) {
    const std::vector<std::byte> notes = notes_of(image);
    const std::size_t count = segments.size() + 1;
    const bool many = count >= PN_XNUM;
    header h{};
    std::memcpy(h.e_ident, __ehdr_start.e_ident, EI_OSABI);
    h.e_type = ET_CORE;
    h.e_machine = __ehdr_start.e_machine;
    h.e_flags = __ehdr_start.e_flags;
    h.e_version = EV_CURRENT;
    h.e_ehsize = sizeof h;
    h.e_phoff = sizeof h;
    h.e_phentsize = sizeof(segment_header);
    h.e_phnum = many ? PN_XNUM : static_cast<decltype(h.e_phnum)>(count);
    const std::uint64_t sections = sizeof h + count * sizeof(segment_header);
    if (many) {
        h.e_shoff = sections;
        h.e_shentsize = sizeof(section_header);
        h.e_shnum = 1;
    }
    segment_header of_notes{};
    of_notes.p_type = PT_NOTE;
    of_notes.p_offset = sections + (many ? sizeof(section_header) : 0);
    of_notes.p_filesz = notes.size();
    of_notes.p_align = 4;
    end = align_up(of_notes.p_offset + of_notes.p_filesz, page_size());
    for (segment_header& s : segments) {
        s.p_offset = end;
        end += s.p_filesz;
    }

    std::vector<std::byte> head;
    head.reserve(of_notes.p_offset + notes.size());
    append(head, h);
    append(head, of_notes);
    const auto headers = std::as_bytes(std::span(segments));
    head.insert(head.end(), headers.begin(), headers.end());
    if (many) {
        section_header first{};
        first.sh_size = 1;
        first.sh_info = static_cast<decltype(first.sh_info)>(count);
        append(head, first);
    }
    head.insert(head.end(), notes.begin(), notes.end());
    return head;
}

}  // namespace

core_writer::core_writer(const core_image& image, core_sink& out, const core_progress& progress)
    : out_(out), progress_(progress), segments_(segments_of(image)) {
    const std::vector<std::byte> head = head_of(image, segments_, size_);
    out_.begin(size_);
    out_.write(head);
    at_ = head.size();
}

void core_writer::put(address where, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const auto ends_below = [where](const auto& s) { return s.p_vaddr + s.p_filesz <= where; };
        while (segment_ < segments_.size() && ends_below(segments_[segment_])) ++segment_;
        if (segment_ == segments_.size()) break;
        const segment_header& segment = segments_[segment_];
        if (where < segment.p_vaddr) {  // mapped after the headers were written
            const std::uint64_t outside = std::min<std::uint64_t>(bytes.size(), segment.p_vaddr - where);
            bytes = bytes.subspan(static_cast<std::size_t>(outside));
            where += outside;
            continue;
        }
        const std::uint64_t offset = where - segment.p_vaddr;
        const auto part =
            bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), segment.p_filesz - offset)));
        const std::uint64_t place = segment.p_offset + offset;
        out_.skip(place - at_);
        out_.write(part);
        at_ = place + part.size();
        bytes = bytes.subspan(part.size());
        where += part.size();
    }
    if (progress_) progress_(at_, size_);
}

std::uint64_t core_writer::finish() {
    out_.skip(size_ - at_);
    at_ = size_;
    if (progress_) progress_(size_, size_);
    return size_;
}

}  // namespace vmio::detail
