// SPDX-License-Identifier: BSL-1.0
#include "walk/search_slices.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include <vmio/memory_map.hpp>
#include <vmio/region_reader.hpp>

#include "walk/region_source.hpp"

namespace vmio::detail {
namespace {

struct search_part {
    address_range range;
    bool empty;  // known to hold no data
};

/// The same ranges, with the parts of large ones that hold no data separated.
std::vector<search_part> parts_of(const process_memory& memory, const byte_pattern& pattern,
                                  const search_options& options, const std::vector<address_range>& ranges) {
    constexpr std::uint64_t large = std::uint64_t{1} << 30;
    region_options how = region_options::from(options.regions);
    how.chunk_size = std::size_t{4} << 20;
    how.max_fetched_size = std::numeric_limits<std::size_t>::max();
    std::vector<search_part> all;
    const auto add = [&](const address_range& range, bool empty) {
        if (!all.empty() && all.back().empty == empty && all.back().range.end() == range.start())
            all.back().range = {all.back().range.start(), range.end()};
        else
            all.push_back({range, empty});
    };
    for (const address_range& range : ranges) {
        if (range.size() < large || pattern.matches_zeros()) {
            add(range, false);
            continue;
        }
        how.within = range;
        region_reader reader(memory, how);
        while (reader.next()) add(reader.range(), reader.range().size() > how.chunk_size);
    }
    return all;
}

}  // namespace

std::vector<address_range> searched_ranges(const process_memory& memory, const search_options& options) {
    auto all = memory_map::load(memory.target(), memory_map_check::gaps).ranges([&](const mapping& m) {
        return is_region(memory.target(), m, options.regions) && (!options.regions.wanted || options.regions.wanted(m));
    });
    for (address_range& range : all) range = range.intersection(options.regions.within);
    return all;
}

std::vector<search_slice> search_slices(const process_memory& memory, const byte_pattern& pattern,
                                        const search_options& options, const std::vector<address_range>& ranges) {
    constexpr std::uint64_t least = std::uint64_t{4} << 20;
    constexpr std::uint64_t most = std::uint64_t{1} << 30;
    const std::vector<search_part> parts = parts_of(memory, pattern, options, ranges);
    std::uint64_t total = 0;
    for (const search_part& p : parts) total += p.empty ? 0 : p.range.size();
    const std::uint64_t size = align_down(std::clamp(total / options.threads / 16, least, most), page_size());
    std::vector<address_range> all;
    std::uint64_t room = 0;
    for (const search_part& p : parts)
        for (address_range rest = p.range; !rest.empty();) {
            if (all.empty() || (room == 0 && !p.empty)) {
                all.emplace_back(rest.start(), rest.start());
                room = size;
            }
            const std::uint64_t taken = p.empty ? rest.size() : std::min(room, rest.size());
            rest = {rest.start() + taken, rest.end()};
            all.back() = {all.back().start(), rest.start()};
            if (!p.empty) room -= taken;
        }
    std::vector<search_slice> slices;
    slices.reserve(all.size());
    for (const address_range& r : all) {
        // A match may begin in one slice and end in the next.
        const address reach = std::min<address>(pattern.size() - 1, options.regions.within.end() - r.end());
        slices.push_back({{r.start(), r.end() + reach}, r});
    }
    return slices;
}

}  // namespace vmio::detail
