// SPDX-License-Identifier: BSL-1.0
#include "freeze/held_pages.hpp"

#include <algorithm>
#include <utility>

#include <vmio/memory_map.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/smaps.hpp>

#include "base/gap_set.hpp"
#include "base/range_set.hpp"
#include "walk/region_source.hpp"

namespace vmio::detail {
namespace {

constexpr std::size_t chunk_size = std::size_t{1} << 20;

}  // namespace

uncopied_memory find_uncopied(const process& target, bool with_shared) {
    uncopied_memory found;
    std::vector<address_range> ranges;
    for (const smaps_entry& m : read_smaps(target)) {
        const bool device = m.flags.has("io") || m.flags.has("pf");
        if (!device && (m.flags.has("dc") || m.flags.has("wf"))) ranges.push_back(m.range);
        if (m.flags.has("dd")) append(found.dontdump, m.range);
        found.served |= is_served(m);
    }
    if (with_shared)
        for (const mapping& m : memory_map::load(target))
            if (m.perms.shared) ranges.push_back(m.range);
    found.ranges = made_set(std::move(ranges));
    found.dontdump = intersected(found.dontdump, found.ranges);
    return found;
}

held_pages::held_pages(const process& target, const pause_guard& pause, const uncopied_memory& what,
                       const source_options& sources) {
    if (what.ranges.empty()) return;
    for (const mapping& m : memory_map::load(target, memory_map_check::none)) {
        if (!overlaps(what.ranges, m.range)) continue;
        mappings_.push_back(m);
        append(ranges_, m.range);
        if (sources.skip_dontdump && overlaps(what.dontdump, m.range)) append(dontdump_, m.range);
    }
    region_options how = region_options::from(sources);
    how.chunk_size = chunk_size;
    how.skip_dontdump = false;  // is known already
    how.wanted = [&](const mapping& m) {
        return overlaps(ranges_, m.range) && !overlaps(dontdump_, m.range) && (!sources.wanted || sources.wanted(m));
    };
    region_reader reader(target, std::move(how));
    while (reader.next()) {
        const std::span<const std::byte> bytes = reader.fetch();
        pause.check();
        const address start = reader.range().start();
        address at = start;
        const auto keep = [&](address end) {
            if (at >= end) return;
            const auto part = bytes.subspan(static_cast<std::size_t>(at - start), static_cast<std::size_t>(end - at));
            runs_.push_back({at, {part.begin(), part.end()}});
        };
        for (const address_range& zeros : reader.untouched()) {
            keep(zeros.start());
            at = zeros.end();
        }
        keep(start + bytes.size());
        for (const memory_gap& gap : reader.memory_gaps()) gaps_.push_back(gap);
    }
    join(gaps_);
}

std::vector<mapping> united(std::vector<mapping> copy, const std::vector<mapping>& held) {
    if (held.empty()) return copy;
    std::vector<address_range> there;
    for (const mapping& m : copy) append(there, m.range);
    const auto middle = static_cast<std::ptrdiff_t>(copy.size());
    for (const mapping& m : held)
        if (!overlaps(there, m.range)) copy.push_back(m);
    std::inplace_merge(copy.begin(), copy.begin() + middle, copy.end(),
                       [](const mapping& a, const mapping& b) { return a.range.start() < b.range.start(); });
    return copy;
}

}  // namespace vmio::detail
