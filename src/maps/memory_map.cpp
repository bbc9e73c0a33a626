// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_map.hpp>

#include <cerrno>
#include <stdexcept>

#include <vmio/error.hpp>

#include "base/system_error.hpp"
#include "maps/gap_filler.hpp"
#include "maps/mapping_name_resolver.hpp"
#include "maps/maps_reader.hpp"
#include "proc/maps_text.hpp"
#include "proc/vma_lookup.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"

namespace vmio {
namespace {

constexpr int most_readings = 8;

/// Reads the list once, from a separate descriptor.
/// Errors: ESRCH, the memory went away meanwhile, so the list may lack its end.
detail::maps_list read_list(const process& target, memory_map_check check, detail::maps_buffer& buffer,
                            std::error_code& ec) {
    const detail::file_descriptor maps = detail::open_maps(target, ec);
    if (ec) return {};
    const std::string_view text = buffer.read(maps.get(), ec);
    if (!ec) ec = detail::memory_behind(maps.get());
    if (ec) return {};
    detail::maps_list list = detail::parse_maps(text);
    detail::mapping_name_resolver names(target);
    for (mapping& m : list.mappings) names.resolve(m, maps.get());
    if (check == memory_map_check::gaps && !list.torn) detail::fill_gaps(list.mappings, maps.get(), names);
    return list;
}

}  // namespace

memory_map memory_map::load(const process& target, memory_map_check check, std::error_code& ec) {
    detail::maps_buffer buffer;
    detail::maps_list list;
    for (int readings = 0; readings < most_readings; ++readings) {
        list = read_list(target, check, buffer, ec);
        const bool replaced = ec.value() == ESRCH && target.alive();  // by exec
        if (!replaced && (ec || !list.torn)) break;
    }
    memory_map map;
    ec = detail::gone_only_if_ended(target, ec);
    if (ec) return map;
    map.assign(std::move(list));
    map.target_ = target;
    map.check_ = check;
    return map;
}

memory_map memory_map::load(const process& target, memory_map_check check) {
    std::error_code ec;
    memory_map map = load(target, check, ec);
    if (ec) throw detail::opening_error("memory_map::load", target.id(), 0, ec);
    return map;
}

memory_map memory_map::from_text(std::string_view text) {
    memory_map map;
    map.assign(detail::parse_maps(text));
    return map;
}

memory_map memory_map::from_mappings(std::vector<mapping> mappings) {
    address end = 0;
    for (const mapping& m : mappings) {
        if (m.range.empty() || m.range.start() < end)
            throw std::invalid_argument("vmio::memory_map: the mappings are empty, overlap or are not sorted");
        end = m.range.end();
    }
    memory_map map;
    map.assign({std::move(mappings), {}, false});
    return map;
}

void memory_map::assign(detail::maps_list&& list) {
    mappings_ = std::move(list.mappings);
    malformed_lines_ = std::move(list.malformed);
    torn_ = list.torn;
    ends_.reserve(mappings_.size());
    for (const mapping& m : mappings_) ends_.push_back(m.range.end());
}

void memory_map::refresh() {
    if (!target_) throw std::logic_error("vmio::memory_map::refresh: the map was not loaded from a process");
    *this = load(*target_, check_);
}

memory_map::const_iterator memory_map::at_or_above(address a) const noexcept {
    // A branchless binary search takes a third of the time of std::upper_bound.
    const address* from = ends_.data();
    for (std::size_t left = ends_.size(); left > 0;) {
        const std::size_t half = left / 2;
        from += (left - half) & -static_cast<std::size_t>(from[half] <= a);  // all ones, or none
        left = half;
    }
    return begin() + (from - ends_.data());
}

std::vector<address_range> memory_map::gaps(const address_range& within) const {
    std::vector<address_range> free;
    address at = within.start();
    for (const_iterator m = at_or_above(at); m != end() && m->range.start() < within.end(); ++m) {
        if (m->range.start() > at) free.push_back({at, m->range.start()});
        at = m->range.end();
    }
    if (at < within.end()) free.push_back({at, within.end()});
    return free;
}

std::vector<address_range> memory_map::gaps() const {
    return empty() ? std::vector<address_range>()
                   : gaps({mappings_.front().range.start(), mappings_.back().range.end()});
}

}  // namespace vmio
