// SPDX-License-Identifier: BSL-1.0
#include <vmio/region_reader.hpp>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include <vmio/page_map.hpp>
#include <vmio/smaps.hpp>

#include "base/gap_set.hpp"
#include "base/range_set.hpp"
#include "base/system_error.hpp"
#include "maps/query_mapping.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"
#include "walk/chunk_filler.hpp"
#include "walk/piece_reader.hpp"
#include "walk/region_source.hpp"
#include "walk/sparse_buffer.hpp"

namespace vmio {

namespace {

std::size_t whole_pages(std::size_t size) {
    return std::max(static_cast<std::size_t>(align_down(size, page_size())), page_size());
}

}  // namespace

struct VMIO_HIDDEN region_reader::state {
    state(process_memory m, region_options o)
        : memory(std::move(m)), options(std::move(o)), sources(options.sources()) {}

    bool next();
    bool next_region();
    void check_program() const;
    std::span<const std::byte> fetch();
    void fetch_overlap();
    void reset() noexcept;

    bool is_wanted(const vmio::mapping&) const;
    void start_walk();

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
    source_options sources;  // of these

    // The walk: present from the first next() on.
    std::optional<page_map> pages;
    std::vector<address_range> dontdump;
    std::optional<memory_map> list;  // where single mappings cannot be asked for
    bool walking = false;
    address beyond = 0;  // where the next region is looked for

    // The region.
    vmio::mapping mapping;
    address_range region;  // clipped
    std::optional<detail::region_source> source;

    // The chunk.
    address_range fresh;  // what is not in the chunk before
    std::size_t overlap = 0;
    std::uint64_t cut_size = 0;  // of fresh, not to be fetched
    bool fetched = false;
    std::size_t fetched_size = 0;  // of fresh
    std::size_t tail_end = 0;      // in the buffer, of the chunk before; 0 if that was not fetched

    // Fresh bytes start on a page of the buffer as they do in the target; the overlap lies before them.
    detail::sparse_buffer buffer;
    detail::piece_reader reader{memory};
    std::size_t fresh_offset = 0;
    std::vector<memory_gap> gaps;
    std::vector<address_range> gap_ranges;
    std::vector<address_range> zeros;
};

// ---- the walk ----

void region_reader::state::start_walk() {
    beyond = options.within.start();
    std::error_code ec;
    pages.emplace(memory.target(), ec);
    if (ec == errc::no_such_process || ec == errc::program_changed || detail::is_exhaustion(ec))
        throw detail::opening_error("open of /proc/PID/pagemap", memory.process_id(), 0, ec);
    if (ec) pages.reset();  // this kernel has none: do without
    list.reset();
    if (options.skip_dontdump) dontdump = dontdump_ranges(memory.target(), options.within);
    walking = true;
}

/// What is mapped, and what was read by the process's number, may be another program's.
void region_reader::state::check_program() const {
    if (const std::error_code why = detail::lost_program(memory.target()))
        throw memory_error("walk of memory", memory.process_id(), beyond, why);
}

bool region_reader::state::is_wanted(const vmio::mapping& m) const {
    return detail::is_region(memory.target(), m) && (!options.wanted || options.wanted(m)) &&
           !detail::overlaps(dontdump, m.range);
}

/// Whatever throws, the present region stays, and the next call tries again.
bool region_reader::state::next_region() {
    std::optional<vmio::mapping> m;
    address_range clipped;
    address at = beyond;
    while (at < options.within.end()) {
        m = detail::query_mapping(memory.target(), at, list);
        if (!m) break;
        clipped = address_range(std::max(at, m->range.start()), m->range.end()).intersection(options.within);
        at = m->range.end();
        if (!clipped.empty() && is_wanted(*m)) break;
        m.reset();
    }
    check_program();
    if (!m) return false;
    beyond = at;
    region = clipped;
    mapping = std::move(*m);
    source.reset();  // the file is opened when it is needed
    return true;
}

bool region_reader::state::next() {
    if (!walking) start_walk();
    tail_end = fetched && fetched_size == fresh.size() ? fresh_offset + fetched_size : 0;
    fetched = false;
    gap_ranges.clear();
    zeros.clear();
    if (fresh.end() == region.end()) {
        tail_end = 0;
        if (!next_region()) {
            reset();
            walking = true;  // and at its end
            beyond = options.within.end();
            return false;
        }
        fresh = {region.start(), region.start()};
    }
    const address start = fresh.end();
    fresh = {start, region.end()};
    if (options.chunk_size > 0) {
        const address page = align_down(start, page_size());
        const std::uint64_t size = std::min<std::uint64_t>(whole_pages(options.chunk_size), region.end() - page);
        fresh = {start, page + size};
    }
    overlap = static_cast<std::size_t>(std::min<std::uint64_t>(options.overlap, start - region.start()));
    cut_size = fresh.size() > most_fetched() ? fresh.size() - most_fetched() : 0;
    return true;
}

void region_reader::state::reset() noexcept {
    walking = fetched = false;
    region = fresh = {};
    mapping = {};
    overlap = fetched_size = tail_end = 0;
    cut_size = 0;
    source.reset();
    list.reset();
    dontdump.clear();
    pages.reset();
    buffer.release();
    gaps.clear();
    gap_ranges.clear();
    zeros.clear();
}

// ---- the bytes ----

std::span<const std::byte> region_reader::state::fetch() {
    if (!fetched && !fresh.empty()) {
        gap_ranges.clear();
        zeros.clear();
        if (!source) {
            source.emplace(memory.target(), pages ? &*pages : nullptr, mapping, sources);
        }
        const auto in_page = static_cast<std::size_t>(fresh.start() & (page_size() - 1));
        const auto size = static_cast<std::size_t>(fresh.size() - cut_size);
        fresh_offset = head_size() + in_page;
        if (options.chunk_size > 0)
            buffer.reserve(head_size() + room(), detail::sparse_buffer::use::again);
        else
            buffer.reserve(fresh_offset + size, detail::sparse_buffer::use::once);
        fetch_overlap();
        detail::chunk_filler sink(buffer, fresh_offset, fresh.start(), gaps, zeros);
        reader.read(*source, {fresh.start(), fresh.start() + size}, sink);
        check_program();
        detail::join(gaps);
        for (const memory_gap& gap : gaps) detail::append(gap_ranges, gap.range);
        fetched_size = size;
        fetched = true;
    }
    if (!fetched) return {};
    return {buffer.data() + fresh_offset - overlap, overlap + fetched_size};
}

/// From the end of the chunk before, if that was fetched: a pattern across the seam is then seen at one moment.
void region_reader::state::fetch_overlap() {
    const address_range range(fresh.start() - overlap, fresh.start());
    const std::size_t end = std::exchange(tail_end, 0);  // it will be overwritten
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

// ---- the face of it ----

region_reader::region_reader(process target, region_options options)
    : region_reader(detail::told_from_exec(target, [&] { return process_memory(target); }), std::move(options)) {}
region_reader::region_reader(process_memory memory, region_options options)
    : state_(std::make_unique<state>(std::move(memory), std::move(options))) {}
region_reader::region_reader(region_reader&&) noexcept = default;
region_reader& region_reader::operator=(region_reader&&) noexcept = default;
region_reader::~region_reader() = default;

bool region_reader::next() {
    return detail::told_from_exec(state_->memory.target(), [this] { return state_->next(); });
}

std::span<const std::byte> region_reader::fetch() {
    return detail::told_from_exec(state_->memory.target(), [this] { return state_->fetch(); });
}

void region_reader::reset() noexcept {
    state_->reset();
}

address_range region_reader::range() const noexcept {
    return {state_->fresh.start() - state_->overlap, state_->fresh.end()};
}

const mapping& region_reader::mapping() const noexcept {
    return state_->mapping;
}

std::span<const address_range> region_reader::gaps() const noexcept {
    return state_->gap_ranges;
}

std::span<const memory_gap> region_reader::memory_gaps() const noexcept {
    if (!state_->fetched) return {};
    return state_->gaps;
}

std::span<const address_range> region_reader::untouched() const noexcept {
    if (!state_->fetched) return {};
    return state_->zeros;
}

address_range region_reader::cut_off() const noexcept {
    return {state_->fresh.end() - state_->cut_size, state_->fresh.end()};
}

const process_memory& region_reader::memory() const noexcept {
    return state_->memory;
}

}  // namespace vmio
