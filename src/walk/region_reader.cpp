// SPDX-License-Identifier: BSL-1.0
#include <vmio/region_reader.hpp>

#include <vmio/smaps.hpp>

#include "base/range_set.hpp"
#include "base/system_error.hpp"
#include "maps/query_mapping.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"
#include "walk/region_reader_state.hpp"

namespace vmio {

void region_reader::state::start_walk() {
    beyond = options.within.start();
    std::error_code ec;
    pages.emplace(memory.target(), ec);
    if (ec == errc::no_such_process || ec == errc::program_changed || detail::is_exhaustion(ec))
        throw detail::opening_error("open of /proc/PID/pagemap", memory.process_id(), 0, ec);
    if (ec) pages.reset();  // this kernel has none: read everything
    list.reset();
    if (options.skip_dontdump) dontdump = dontdump_ranges(memory.target(), options.within);
    walking = true;
}

/// Mappings and bytes that were read may be those of another program, after exec. To be called after the reads.
void region_reader::state::check_program() const {
    if (const std::error_code why = detail::lost_program(memory.target()))
        throw memory_error("walk of memory", memory.process_id(), beyond, why);
}

bool region_reader::state::is_wanted(const vmio::mapping& m) const {
    return detail::is_region(memory.target(), m, sources) && (!options.wanted || options.wanted(m)) &&
           !detail::overlaps(dontdump, m.range);
}

/// If anything throws, the present region stays, and the next call tries again.
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
    source.reset();  // its file is opened when it is needed
    empty = {};
    finder.forget();
    return true;
}

void region_reader::state::open_source() {
    if (!source)
        source.emplace(memory.target(), pages ? &*pages : nullptr, mapping, sources,
                       detail::overlaps(resident_only, mapping.range));
}

/// Returns the size of a chunk at `start` that is known to hold no data; 0 if it is not, or is not worth it. The
/// `again` bytes of the chunk before must be of the same run: there are none but zeros to hand out.
std::uint64_t region_reader::state::size_of_empty(const address start, std::uint64_t again) {
    constexpr std::uint64_t worth_it = std::uint64_t{2} << 20;
    const std::uint64_t least = std::max<std::uint64_t>(worth_it, 2 * whole_pages(options.chunk_size));
    if (!options.join_empty || region.end() - start < least) return 0;
    if (!empty.range.contains(start) || !empty.is_known()) {
        open_source();
        const address known = empty.range.contains(start) ? empty.range.start() : start;
        empty = finder.find(*source, start, region.end(), least);
        if (!empty.range.empty()) empty.range = {known, empty.range.end()};
    }
    if (!empty.range.contains(start) || start - empty.range.start() < again) return 0;
    if (nothing.bytes().empty()) nothing = detail::zero_area::open();
    const std::uint64_t most = std::min<std::uint64_t>(nothing.bytes().size(), most_fetched());
    const std::uint64_t size = std::min(empty.range.end() - start, most - std::min(again, most));
    return size >= least ? size : 0;
}

bool region_reader::state::next() {
    if (!walking) start_walk();
    tail_end = fetched && !joined && fetched_size == fresh.size() ? fresh_offset + fetched_size : 0;
    fetched = false;
    gap_ranges.clear();
    zeros.clear();
    if (fresh.end() == region.end()) {
        tail_end = 0;
        if (!next_region()) {
            reset();
            walking = true;  // at its end
            beyond = options.within.end();
            return false;
        }
        fresh = {region.start(), region.start()};
    }
    const address start = fresh.end();
    const std::uint64_t again = std::min<std::uint64_t>(options.overlap, start - region.start());
    const std::uint64_t empty_size = options.chunk_size > 0 ? size_of_empty(start, again) : 0;
    overlap = static_cast<std::size_t>(again);
    joined = empty_size > 0;
    if (joined) {
        tail_end = 0;
        fresh = address_range::of_size(start, empty_size);
    } else if (options.chunk_size > 0) {
        const address page = align_down(start, page_size());
        fresh = {start, page + std::min<std::uint64_t>(whole_pages(options.chunk_size), region.end() - page)};
    } else {
        fresh = {start, region.end()};
    }
    cut_size = fresh.size() > most_fetched() ? fresh.size() - most_fetched() : 0;
    return true;
}

void region_reader::state::reset() noexcept {
    walking = fetched = joined = false;
    region = fresh = {};
    mapping = {};
    overlap = fetched_size = tail_end = 0;
    cut_size = 0;
    source.reset();
    empty = {};
    finder.forget();
    nothing = {};
    list.reset();
    dontdump.clear();
    pages.reset();
    buffer.release();
    gaps.clear();
    gap_ranges.clear();
    zeros.clear();
}

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

std::span<const std::byte> region_reader::fetch() & {
    return detail::told_from_exec(state_->memory.target(), [this] { return state_->fetch(); });
}

void region_reader::reset() noexcept {
    state_->reset();
}

address_range region_reader::range() const noexcept {
    return {state_->fresh.start() - state_->overlap, state_->fresh.end()};
}

const mapping& region_reader::mapping() const& noexcept {
    return state_->mapping;
}

std::span<const address_range> region_reader::gaps() const& noexcept {
    return state_->gap_ranges;
}

std::span<const memory_gap> region_reader::memory_gaps() const& noexcept {
    if (!state_->fetched) return {};
    return state_->gaps;
}

std::span<const address_range> region_reader::untouched() const& noexcept {
    if (!state_->fetched) return {};
    return state_->zeros;
}

address_range region_reader::cut_off() const noexcept {
    return {state_->fresh.end() - state_->cut_size, state_->fresh.end()};
}

const process_memory& region_reader::memory() const& noexcept {
    return state_->memory;
}

}  // namespace vmio
