// SPDX-License-Identifier: BSL-1.0
/// The state of a region_reader.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/region_reader.hpp>

#include "walk/empty_run_finder.hpp"
#include "walk/piece_reader.hpp"
#include "walk/region_source.hpp"
#include "walk/sparse_buffer.hpp"
#include "walk/zero_area.hpp"

namespace vmio {

struct VMIO_HIDDEN region_reader::state {
    state(process_memory m, region_options o)
        : memory(std::move(m)), options(std::move(o)), sources(options.sources()) {}

    bool next();
    bool next_region();
    void open_source();
    std::uint64_t size_of_empty(address start, std::uint64_t again);
    void check_program() const;
    std::span<const std::byte> fetch();
    void fetch_bytes();
    void fetch_overlap();
    bool fetch_empty();
    void reset() noexcept;

    bool is_wanted(const vmio::mapping&) const;
    void start_walk();

    static std::size_t whole_pages(std::size_t size) {
        return std::max(static_cast<std::size_t>(align_down(size, page_size())), page_size());
    }
    // Room before the fresh bytes, and for them, in a walk of chunks; of huge ones no more than the region needs.
    std::size_t head_size() const {
        return static_cast<std::size_t>(align_up(std::min<std::uint64_t>(options.overlap, region.size()), page_size()));
    }
    std::size_t most_fetched() const { return whole_pages(options.max_fetched_size); }
    std::size_t room() const {
        constexpr std::uint64_t worth_reserving_once = std::uint64_t{16} << 20;
        const std::size_t chunk = whole_pages(options.chunk_size);
        const std::uint64_t pages_of_region =
            align_up(region.end(), page_size()) - align_down(region.start(), page_size());
        return static_cast<std::size_t>(
            std::min<std::uint64_t>(most_fetched() < chunk ? most_fetched() + page_size() : chunk,
                                    std::max(pages_of_region, worth_reserving_once)));
    }

    process_memory memory;
    region_options options;
    source_options sources;  // the same, for a region_source

    std::vector<address_range> resident_only;  // see region_source

    // The walk; set up by the first next().
    std::optional<page_map> pages;
    std::vector<address_range> dontdump;
    std::optional<memory_map> list;  // where single mappings cannot be asked for
    bool walking = false;
    address beyond = 0;  // from where the next region is looked up

    // The region.
    vmio::mapping mapping;
    address_range region;  // clipped
    std::optional<detail::region_source> source;

    // The run without data at the present place.
    detail::empty_run_finder finder{memory.target()};
    detail::empty_run empty;
    detail::zero_area nothing;

    // The chunk.
    address_range fresh;  // without the overlap
    std::size_t overlap = 0;
    std::uint64_t cut_size = 0;  // of fresh: not fetched
    bool joined = false;         // fresh is a part of `empty`
    bool fetched = false;
    std::size_t fetched_size = 0;  // of fresh
    std::size_t tail_end = 0;      // offset in the buffer of the end of the previous chunk; 0 if that was not fetched

    // Fresh bytes start on a page of the buffer as they do in the target; the overlap lies before them.
    detail::sparse_buffer buffer;
    detail::piece_reader reader{memory};
    std::size_t fresh_offset = 0;
    std::vector<memory_gap> gaps;
    std::vector<address_range> gap_ranges;
    std::vector<address_range> zeros;
};

namespace detail {

struct region_reader_access {
    /// Of mappings in `ranges`, pages that are not resident are gaps, except where they are known from a file.
    static void keep_to_resident(region_reader& reader, std::vector<address_range> ranges) {
        reader.state_->resident_only = std::move(ranges);
    }
};

}  // namespace detail

}  // namespace vmio
