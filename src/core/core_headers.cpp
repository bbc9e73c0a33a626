// SPDX-License-Identifier: BSL-1.0
#include "core/core_headers.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <span>

#include <elf.h>
#include <sys/types.h>

#include "base/byte_order.hpp"

#ifndef EF_MIPS_ABI2
#define EF_MIPS_ABI2 0x20  // n32
#endif

namespace vmio::detail {
namespace {

constexpr std::size_t headers_at_once = 512;

/// Sorts the segments and removes overlaps: shared addresses belong to the segment that begins first.
void put_in_order(std::vector<core_segment>& segments) {
    const auto by_start = [](const auto& a, const auto& b) { return a.range.start() < b.range.start(); };
    std::stable_sort(segments.begin(), segments.end(), by_start);
    address end = 0;
    for (core_segment& s : segments) {
        const std::uint64_t taken = s.range.start() < end ? std::min(end - s.range.start(), s.range.size()) : 0;
        s.range = s.range.part(taken, s.range.size() - taken);
        s.offset += std::min(taken, s.file_size);
        s.file_size -= std::min(taken, s.file_size);
        end = std::max(end, s.range.end());
    }
    std::erase_if(segments, [](const core_segment& s) { return s.range.empty(); });
}

template <class Segment>
void add(core_headers& headers, const Segment& s, const input_file& from) {
    constexpr std::uint64_t top = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t offset = s.p_offset;
    const std::uint64_t start = s.p_vaddr;
    const std::uint64_t size = s.p_memsz;
    const std::uint64_t file_size = s.p_filesz;
    if (s.p_type != PT_NOTE && s.p_type != PT_LOAD) return;
    if (file_size > top - offset || (s.p_type == PT_LOAD && size > top - start))
        from.fail(EBADMSG, "its program headers make no sense");
    if (s.p_type == PT_NOTE) return headers.notes.push_back({offset, file_size});
    if (size == 0) return;
    const permissions perms{(s.p_flags & PF_R) != 0, (s.p_flags & PF_W) != 0, (s.p_flags & PF_X) != 0, false};
    headers.segments.push_back({{start, start + size}, perms, offset, std::min(size, file_size)});
}

/// The alignment of the general registers in NT_PRSTATUS: the word size, except for programs with 8-byte registers and
/// 4-byte words: x32, MIPS n32, AArch64 ILP32, and s390 with its 8-byte status word; and for m68k, which aligns nothing
/// to more than 2 bytes.
template <class Header>
unsigned register_alignment(const Header& header) {
    if (sizeof header.e_entry == 8) return 8;
    if (header.e_machine == EM_68K) return 2;
    const bool is_wide = header.e_machine == EM_X86_64 || header.e_machine == EM_AARCH64 ||
                         header.e_machine == EM_S390 ||
                         (header.e_machine == EM_MIPS && (header.e_flags & EF_MIPS_ABI2) != 0);
    return is_wide ? 8 : 4;
}

/// Converts what is used of them.
/// @{
template <class Header>
requires requires(Header h) {
    h.e_phnum;
}
void fields_to_native(std::endian order, Header& h) {
    to_native(order, h.e_type, h.e_machine, h.e_phoff, h.e_shoff, h.e_flags, h.e_phentsize, h.e_phnum, h.e_shentsize);
}
template <class Segment>
requires requires(Segment s) {
    s.p_type;
}
void fields_to_native(std::endian order, Segment& s) {
    to_native(order, s.p_type, s.p_flags, s.p_offset, s.p_vaddr, s.p_filesz, s.p_memsz);
}
template <class Section>
requires requires(Section s) {
    s.sh_info;
}
void fields_to_native(std::endian order, Section& s) {
    to_native(order, s.sh_info);
}
/// @}

/// Reads headers, one or several.
/// @{
template <class T>
bool read_headers(const input_file& from, std::endian order, std::uint64_t offset, std::span<T> to) {
    if (!from.read(offset, std::as_writable_bytes(to))) return false;
    if (order != std::endian::native)
        for (T& header : to) fields_to_native(order, header);
    return true;
}
template <class T>
bool read_header(const input_file& from, std::endian order, std::uint64_t offset, T& to) {
    return read_headers(from, order, offset, std::span(&to, 1));
}
/// @}

/// The number of program headers in a truncated file that lacks it: they end where the content of the first segment
/// begins, usually the notes.
template <class Segment>
std::uint64_t counted(const input_file& from, std::endian order, std::uint64_t offset) {
    std::uint64_t end = from.size();
    std::uint64_t count = 0;
    std::vector<Segment> some;
    for (;; count += headers_at_once) {
        const std::uint64_t at = offset + count * sizeof(Segment);
        const std::uint64_t left = at < end ? (end - at) / sizeof(Segment) : 0;
        some.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left, headers_at_once)));
        if (!read_headers(from, order, at, std::span(some))) return count;
        for (std::size_t i = 0; i < some.size(); ++i) {
            const Segment& s = some[i];
            if (s.p_filesz > 0 && s.p_offset > offset) end = std::min<std::uint64_t>(end, s.p_offset);
            const bool fits = (end - offset) / sizeof(Segment) > count + i;
            if (!fits || (s.p_type != PT_LOAD && s.p_type != PT_NOTE)) return count + i;
        }
        if (some.size() < headers_at_once) return count + some.size();
    }
}

template <class Header, class Segment, class Section>
core_headers read(const input_file& from, std::endian order) {
    Header header;
    if (!read_header(from, order, 0, header)) from.fail(EBADMSG, "its end is missing, and all of its memory");
    if (header.e_type != ET_CORE) from.fail(EINVAL, "it is an ELF file, but no core file");
    if (header.e_phentsize != sizeof(Segment)) from.fail(EBADMSG, "its program headers make no sense");
    std::uint64_t count = header.e_phnum;
    bool is_count_lost = false;
    if (count == PN_XNUM) {  // the number exceeds the field
        Section first;
        count = 0;
        is_count_lost = header.e_shoff != 0 && !from.holds(header.e_shoff, sizeof first);
        if (is_count_lost)
            count = counted<Segment>(from, order, header.e_phoff);
        else if (header.e_shoff != 0 && header.e_shentsize == sizeof first &&
                 read_header(from, order, header.e_shoff, first))
            count = first.sh_info;
        if (count == 0) from.fail(EBADMSG, "the number of its segments is missing");
    }
    if (!from.holds(header.e_phoff, count * sizeof(Segment)))
        from.fail(EBADMSG, "its end is missing, and all of its memory");
    if (count * sizeof(Segment) > from.size_to_keep()) from.fail(EBADMSG, "its program headers make no sense");
    core_headers headers{
        header.e_machine, sizeof header.e_entry, order, register_alignment(header), is_count_lost, {}, {}};
    headers.segments.reserve(static_cast<std::size_t>(count));
    std::vector<Segment> some;
    for (std::uint64_t i = 0; i < count; i += some.size()) {
        some.resize(static_cast<std::size_t>(std::min<std::uint64_t>(count - i, headers_at_once)));
        if (!read_headers(from, order, header.e_phoff + i * sizeof(Segment), std::span(some)))
            from.fail(EBADMSG, "it became shorter meanwhile");  // GCOVR_EXCL_LINE: between two calls
        for (const Segment& s : some) add(headers, s, from);
    }
    put_in_order(headers.segments);
    return headers;
}

/// See core_content_end().
template <class Header, class Segment, class Section>
std::optional<std::uint64_t> content_end(const input_file& first_bytes, std::endian order) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
    Header header;
    if (!read_header(first_bytes, order, 0, header)) return std::nullopt;
    std::uint64_t count = header.e_phnum;
    if (count == PN_XNUM) {
        Section section;
        if (header.e_shoff != 0 && read_header(first_bytes, order, header.e_shoff, section))
            count = section.sh_info;
        else if (count = counted<Segment>(first_bytes, order, header.e_phoff);
                 !first_bytes.holds(header.e_phoff, (count + 1) * sizeof(Segment)))
            return std::nullopt;
    }
    if (!first_bytes.holds(header.e_phoff, count * sizeof(Segment))) return std::nullopt;
    std::uint64_t end = header.e_phoff + count * sizeof(Segment);
    if (header.e_shoff != 0) {
        const std::uint64_t sections = std::max<std::uint64_t>(header.e_shnum, 1) * header.e_shentsize;
        end = std::max(end, std::min<std::uint64_t>(header.e_shoff, most) + sections);
    }
    std::vector<Segment> some(headers_at_once);
    for (std::uint64_t i = 0; i < count; i += some.size()) {
        some.resize(static_cast<std::size_t>(std::min<std::uint64_t>(count - i, headers_at_once)));
        if (!read_headers(first_bytes, order, header.e_phoff + i * sizeof(Segment), std::span(some)))
            return std::nullopt;
        for (const Segment& s : some)
            end = std::max(end, std::min<std::uint64_t>(s.p_offset, most) + std::min<std::uint64_t>(s.p_filesz, most));
    }
    return end;
}

/// Calls read<Header, Segment, Section>(byte order) for the ELF file's own.
template <class Read>
auto read_elf(const input_file& from, Read read) {
    unsigned char identification[EI_NIDENT]{};
    if (!from.read_one(0, identification) || std::memcmp(identification, ELFMAG, SELFMAG) != 0)
        from.fail(EINVAL, "it is not an ELF file");
    const unsigned char order_mark = identification[EI_DATA];
    if (order_mark != ELFDATA2LSB && order_mark != ELFDATA2MSB)
        from.fail(EOPNOTSUPP, "it is neither of a little-endian nor of a big-endian machine");
    const auto order = order_mark == ELFDATA2LSB ? std::endian::little : std::endian::big;
    switch (identification[EI_CLASS]) {
        case ELFCLASS64: return read.template operator()<Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr>(order);
        case ELFCLASS32: return read.template operator()<Elf32_Ehdr, Elf32_Phdr, Elf32_Shdr>(order);
        default: from.fail(EOPNOTSUPP, "it is neither of a 32-bit nor of a 64-bit machine");
    }
}

}  // namespace

core_headers read_core_headers(const input_file& from) {
    return read_elf(from, [&]<class Header, class Segment, class Section>(std::endian order) {
        return read<Header, Segment, Section>(from, order);
    });
}

std::optional<std::uint64_t> core_content_end(const input_file& first_bytes) {
    return read_elf(first_bytes, [&]<class Header, class Segment, class Section>(std::endian order) {
        return content_end<Header, Segment, Section>(first_bytes, order);
    });
}

}  // namespace vmio::detail
