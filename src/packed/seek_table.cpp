// SPDX-License-Identifier: BSL-1.0
#include "packed/seek_table.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "base/byte_order.hpp"

namespace vmio::detail {
namespace {

constexpr std::uint32_t frame_magic = 0x184d2a5e;  // of a frame to be skipped
constexpr std::uint32_t table_magic = 0x8f92eab1;
constexpr std::size_t head_size = 8;    // magic, size of the rest
constexpr std::size_t footer_size = 9;  // number of frames, descriptor, magic
constexpr std::size_t entry_size = 8;   // size in the file, size of the content
constexpr std::size_t checksum_size = 4;
constexpr unsigned has_checksums = 0x80;
constexpr unsigned reserved = 0x7c;  // bits of the descriptor
constexpr std::size_t entries_at_once = 512;

std::uint32_t word_at(std::span<const std::byte> from, std::size_t offset) {
    return get_little_endian<std::uint32_t>(&from[offset]);
}

}  // namespace

std::optional<std::vector<frame_start>> read_seek_table(const input_file& file) {
    std::array<std::byte, footer_size> footer;
    if (file.size() < head_size + footer_size || !file.read(file.size() - footer_size, footer)) return std::nullopt;
    const std::uint64_t count = word_at(footer, 0);
    const auto descriptor = static_cast<unsigned>(footer[4]);
    if (word_at(footer, 5) != table_magic || (descriptor & reserved) != 0 || count == 0) return std::nullopt;
    const std::size_t size_of_entry = entry_size + ((descriptor & has_checksums) != 0 ? checksum_size : 0);
    const std::uint64_t size = count * size_of_entry + footer_size;
    if (size > file.size() - head_size) return std::nullopt;
    const std::uint64_t table = file.size() - size - head_size;
    std::array<std::byte, head_size> head;
    if (!file.read(table, head) || word_at(head, 0) != frame_magic || word_at(head, 4) != size) return std::nullopt;

    std::vector<frame_start> starts;
    starts.reserve(static_cast<std::size_t>(count) + 1);
    frame_start at;
    std::vector<std::byte> entries;
    for (std::uint64_t done = 0; done < count;) {
        const std::uint64_t some = std::min<std::uint64_t>(count - done, entries_at_once);
        entries.resize(static_cast<std::size_t>(some) * size_of_entry);
        if (!file.read(table + head_size + done * size_of_entry, entries)) return std::nullopt;
        for (std::size_t i = 0; i < entries.size(); i += size_of_entry) {
            const std::uint32_t stored = word_at(entries, i);
            const std::uint32_t content = word_at(entries, i + 4);
            if (content > most_frame_content || stored > 2 * most_frame_content) return std::nullopt;
            starts.push_back(at);
            at = {at.stored + stored, at.content + content};
        }
        done += some;
    }
    if (at.stored != table) return std::nullopt;
    starts.push_back(at);
    return starts;
}

std::vector<std::byte> make_seek_table(const std::vector<frame_start>& starts) {
    std::vector<std::byte> table;
    const std::uint64_t count = starts.size() - 1;
    const std::uint64_t size = count * entry_size + footer_size;
    if (size > std::numeric_limits<std::uint32_t>::max()) return table;
    table.resize(head_size + static_cast<std::size_t>(size));
    std::byte* to = table.data();
    const auto put = [&](std::uint64_t value) {
        put_little_endian(to, static_cast<std::uint32_t>(value));
        to += sizeof(std::uint32_t);
    };
    put(frame_magic);
    put(size);
    for (std::size_t i = 0; i < count; ++i) {
        put(starts[i + 1].stored - starts[i].stored);
        put(starts[i + 1].content - starts[i].content);
    }
    put(count);
    ++to;  // the descriptor: 0
    put(table_magic);
    return table;
}

}  // namespace vmio::detail
