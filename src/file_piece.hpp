// SPDX-License-Identifier: BSL-1.0
/// What every reader of region_pieces has to do about files and about memory that is unmapped meanwhile.
#pragma once

#include <algorithm>
#include <cstdint>

#include <vmio/query_mapping.hpp>

#include "region_source.hpp"

namespace vmio {

/// Reads the start of `range`, which comes from a file of `size` bytes, and tells what it found there. writable(range)
/// gives room for bytes of the range, perhaps not for all; it is asked only if there are some.
template <class F>
region_piece read_from_file(const region_source& source, std::uint64_t size, const address_range& range, F&& writable) {
    using origin = region_piece::origin;
    constexpr std::uint64_t worth_asking_for_holes = std::uint64_t{256} << 10;
    const backing_file& file = *source.file();
    const std::uint64_t offset = source.offset_of(range.start());
    const auto first = [&](std::uint64_t n) { return range.part(0, std::min(n, range.size())); };
    if (offset >= size) {
        // The rest of the last page is zero; pages behind it are none.
        const std::uint64_t of_page = -offset & (page_size() - 1);
        if (of_page > 0) return {first(of_page), origin::zeros};
        return {range, origin::gap, gap_reason::past_end_of_file};
    }
    const std::uint64_t data = range.size() >= worth_asking_for_holes ? file.next_data(offset) : offset;
    if (data > offset) return {first(std::min(data, size) - offset), origin::zeros};
    std::error_code ec;
    const std::size_t got = file.read_some(offset, writable(first(size - offset)), ec);
    if (!ec) return {first(got), origin::file};
    // It has been cut short meanwhile, or the disk is broken.
    const address start = range.start();
    return {first(align_down(start, page_size()) + page_size() - start), origin::gap, gap_reason::input_output};
}

/// Calls each(address_range) for the parts of `range` where nothing is mapped.
template <class F>
void for_each_hole(const process& who, const address_range& range, F&& each) {
    for (address at = range.start(); at < range.end();) {
        const auto m = query_mapping(who, at, mapping_lookup::next_after);
        const address start = m ? std::min(range.end(), std::max(at, m->range.start())) : range.end();
        if (start > at) each(address_range(at, start));
        at = m ? std::max(start, m->range.end()) : range.end();
    }
}

}  // namespace vmio
