// SPDX-License-Identifier: BSL-1.0
/// The bytes of a chunk.
#include <cstring>

#include "base/gap_set.hpp"
#include "base/range_set.hpp"
#include "walk/chunk_filler.hpp"
#include "walk/region_reader_state.hpp"

namespace vmio {

std::span<const std::byte> region_reader::state::fetch() {
    if (!fetched && !fresh.empty()) {
        gap_ranges.clear();
        zeros.clear();
        open_source();
        if (!joined || !fetch_empty()) fetch_bytes();
        for (const memory_gap& gap : gaps) detail::append(gap_ranges, gap.range);
        fetched = true;
    }
    if (!fetched) return {};
    if (joined) return nothing.bytes().first(overlap + fetched_size);
    return {buffer.data() + fresh_offset - overlap, overlap + fetched_size};
}

/// False if the chunk holds data by now.
bool region_reader::state::fetch_empty() {
    if (!empty.is_known()) {
        const detail::empty_run now = finder.find(*source, fresh.start() - overlap, fresh.end(), fresh.size());
        joined = now.range.end() == fresh.end() && now.gap == empty.gap;
        if (!joined) return false;
    }
    gaps.clear();
    if (empty.gap)
        gaps.push_back({{fresh.start() - overlap, fresh.end()}, *empty.gap});
    else
        zeros.push_back(fresh);
    fetched_size = static_cast<std::size_t>(fresh.size());
    return true;
}

void region_reader::state::fetch_bytes() {
    const auto in_page = static_cast<std::size_t>(fresh.start() & (page_size() - 1));
    const auto size = static_cast<std::size_t>(fresh.size() - cut_size);
    fresh_offset = head_size() + in_page;
    if (options.chunk_size == 0)
        buffer.reserve(fresh_offset + size, detail::sparse_buffer::use::once);
    else
        buffer.reserve(std::max(head_size() + room(), fresh_offset + size), detail::sparse_buffer::use::again);
    fetch_overlap();
    detail::chunk_filler sink(buffer, fresh_offset, fresh.start(), gaps, zeros);
    reader.read(*source, {fresh.start(), fresh.start() + size}, sink);
    check_program();
    detail::join(gaps);
    fetched_size = size;
}

/// Copies the end of the previous chunk, if that was fetched: so a pattern across the seam is of one moment.
void region_reader::state::fetch_overlap() {
    const address_range range(fresh.start() - overlap, fresh.start());
    const std::size_t end = std::exchange(tail_end, 0);  // the buffer is overwritten
    if (end == 0 || overlap == 0) {
        gaps.clear();
        detail::chunk_filler sink(buffer, fresh_offset - overlap, range.start(), gaps, zeros);
        if (overlap > 0) reader.read(*source, range, sink);
        return;
    }
    const std::byte* const tail = buffer.data() + end - overlap;
    std::memmove(buffer.writable(fresh_offset - overlap, overlap).data(), tail, overlap);
    std::erase_if(gaps, [&](const memory_gap& gap) { return !gap.range.overlaps(range); });
    for (memory_gap& gap : gaps) gap.range = gap.range.intersection(range);
}

}  // namespace vmio
