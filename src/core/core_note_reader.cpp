// SPDX-License-Identifier: BSL-1.0
#include "core/core_note_reader.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

#include <elf.h>

#include "base/byte_order.hpp"
#include "core/core_note_layout.hpp"

namespace vmio::detail {
namespace {

/// Far above the notes of any process. With the size of the file it limits the bytes read and kept from a hostile file.
constexpr std::uint64_t most_note_bytes = std::uint64_t{1} << 30;

/// Reads words of the program's word size, one after the other.
class word_reader {
public:
    word_reader(std::span<const std::byte> from, const core_headers& headers) noexcept
        : rest_(from), word_size_(headers.word_size), order_(headers.byte_order) {}

    std::size_t left() const noexcept { return rest_.size() / word_size_; }
    std::span<const std::byte> rest() const noexcept { return rest_; }

    /// Precondition: left() > 0.
    std::uint64_t next() noexcept {
        const std::byte* const word = rest_.data();
        rest_ = rest_.subspan(word_size_);
        return word_size_ == 8 ? get_integer<std::uint64_t>(word, order_) : get_integer<std::uint32_t>(word, order_);
    }

private:
    std::span<const std::byte> rest_;
    unsigned word_size_;
    std::endian order_;
};

/// The text of a character field, up to a NUL or the end of the field.
std::string text_at(std::span<const std::byte> from, std::size_t offset, std::size_t size) {
    const std::string_view field(reinterpret_cast<const char*>(from.data()) + offset, size);
    std::string text(field.substr(0, field.find('\0')));
    while (text.ends_with(' ')) text.pop_back();  // the kernel replaces the NUL after each argument by a space
    return text;
}

/// Decodes NT_FILE: count, unit of the offsets; start, end and offset of each; then the names.
std::vector<core_mapped_file> mapped_files(std::span<const std::byte> note, const core_headers& headers) {
    std::vector<core_mapped_file> files;
    word_reader words(note, headers);
    if (words.left() < 2) return files;
    const std::uint64_t count = words.next();
    const std::uint64_t unit = words.next();
    if (count > words.left() / 3) return files;
    const std::span<const std::byte> text =
        words.rest().subspan(static_cast<std::size_t>(count) * 3 * headers.word_size);
    std::string_view names(reinterpret_cast<const char*>(text.data()), text.size());
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t start = words.next();
        const std::uint64_t end = words.next();
        const std::uint64_t offset = words.next();
        const std::size_t length = names.find('\0');
        if (length == names.npos) break;
        if (start < end && (unit == 0 || offset <= std::numeric_limits<std::uint64_t>::max() / unit))
            files.push_back({{start, end}, offset * unit, std::string(names.substr(0, length))});
        names.remove_prefix(length + 1);
    }
    const auto by_start = [](const auto& a, const auto& b) { return a.range.start() < b.range.start(); };
    std::stable_sort(files.begin(), files.end(), by_start);
    address end = 0;
    std::erase_if(files, [&end](const core_mapped_file& f) {
        if (f.range.start() < end) return true;
        end = f.range.end();
        return false;
    });
    return files;
}

void add_thread(core_notes& process, std::span<const std::byte> note, const core_headers& headers) {
    const core_note_layout layout(headers.word_size, headers.register_alignment);
    if (note.size() < layout.registers + layout.after_registers) return;
    thread_registers& thread = process.threads.emplace_back();
    thread.id = get_integer<std::int32_t>(&note[layout.thread_id], headers.byte_order);
    thread.signal = get_integer<std::int16_t>(&note[layout.signal], headers.byte_order);
    const auto general = note.subspan(layout.registers, note.size() - layout.registers - layout.after_registers);
    thread.sets.push_back({NT_PRSTATUS, {general.begin(), general.end()}});
}

void take_process(core_notes& process, std::span<const std::byte> note, std::endian order) {
    if (note.size() < process_note::from_end_of_id) return;
    process.process_id = get_integer<std::int32_t>(&note[note.size() - process_note::from_end_of_id], order);
    process.program = text_at(note, note.size() - process_note::from_end_of_name, process_note::name_size);
    process.arguments = text_at(note, note.size() - process_note::arguments_size, process_note::arguments_size);
}

/// Whether the note describes the whole process although the kernel writes it after those of the last thread.
bool is_of_whole_process(std::uint32_t type) {
    constexpr std::uint32_t x86_xsave_layout = 0x205;
    return type == NT_TASKSTRUCT || type == x86_xsave_layout;
}

void take(core_notes& process, std::uint32_t type, std::vector<std::byte>&& note, const core_headers& headers) {
    switch (type) {
        case NT_PRSTATUS: return add_thread(process, note, headers);
        case NT_PRPSINFO: return take_process(process, note, headers.byte_order);
        case NT_AUXV: process.auxiliary_vector = std::move(note); return;
        case NT_FILE: process.files = mapped_files(note, headers); return;
        default:  // belongs to the preceding thread
            if (!process.threads.empty() && !is_of_whole_process(type))
                process.threads.back().sets.push_back({type, std::move(note)});
    }
}

/// The size rounded up to the alignment of notes, 4 bytes.
std::uint64_t padded(std::uint64_t size) {
    return (size + 3) & ~std::uint64_t{3};
}

/// Returns: false if the file ends before the notes do.
bool read_notes(const input_file& from, const core_note_segment& where, const core_headers& headers,
                std::uint64_t& room, core_notes& process) {
    Elf64_Nhdr header;  // the same for 32 bits
    for (std::uint64_t at = 0; where.size - at >= sizeof header;) {
        if (!from.read_one(where.offset + at, header)) return false;
        to_native(headers.byte_order, header.n_namesz, header.n_descsz, header.n_type);
        if (sizeof header > room) return true;
        room -= sizeof header;
        const std::uint64_t left = where.size - at - sizeof header;
        const std::uint64_t name_size = padded(header.n_namesz);
        if (name_size > left || header.n_descsz > left - name_size) return true;
        const std::uint64_t content = where.offset + at + sizeof header + name_size;
        char name[8]{};
        const bool of_interest = (header.n_namesz == sizeof "CORE" || header.n_namesz == sizeof "LINUX") &&
                                 from.read(where.offset + at + sizeof header,
                                           std::as_writable_bytes(std::span(name).first(header.n_namesz)));
        if (of_interest && (std::strcmp(name, "CORE") == 0 || std::strcmp(name, "LINUX") == 0)) {
            if (!from.holds(content, header.n_descsz)) return false;
            if (header.n_descsz > room) return true;
            room -= header.n_descsz;
            std::vector<std::byte> note(header.n_descsz);
            if (!from.read(content, note)) return false;
            take(process, header.n_type, std::move(note), headers);
        }
        at += std::min(where.size - at, sizeof header + name_size + padded(header.n_descsz));
    }
    return from.holds(where.offset, where.size);
}

}  // namespace

core_notes read_core_notes(const input_file& from, const core_headers& headers, bool& cut_off) {
    core_notes process;
    std::uint64_t room = std::min(most_note_bytes, from.size_to_keep());  // notes do not overlap
    for (const core_note_segment& where : headers.notes)
        if (!read_notes(from, where, headers, room, process)) cut_off = true;
    if (process.process_id == 0 && !process.threads.empty()) process.process_id = process.threads.front().id;
    return process;
}

}  // namespace vmio::detail
