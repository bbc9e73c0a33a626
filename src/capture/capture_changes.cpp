// SPDX-License-Identifier: BSL-1.0
/// Captures that share with an earlier one what has not changed.
#include <algorithm>
#include <utility>
#include <vector>

#include "base/gap_set.hpp"
#include "base/range_set.hpp"
#include "capture/capture_access.hpp"
#include "capture/capture_walk.hpp"
#include "capture/process_snapshot_state.hpp"
#include "walk/region_source.hpp"

namespace vmio {
namespace {

/// Returns: what of these mappings a capture with these options has, as its layout lists it.
std::vector<address_range> selected(const process& target, const memory_map& map, const capture_options& options) {
    std::vector<address_range> all;
    for (const mapping& m : map)
        if (detail::is_region(target, m, options.regions) && (!options.regions.wanted || options.regions.wanted(m)))
            detail::append(all, m.range);
    return detail::intersected(all, detail::chosen_ranges(options));
}

std::vector<memory_gap> without(std::vector<memory_gap> gaps, detail::range_span parts) {
    for (const address_range& part : parts) detail::cut_out(gaps, part);
    return gaps;
}

/// The pages of a set, by their numbers in the file of a capture.
struct page_list {
    std::vector<std::size_t> numbers;
    std::vector<address> addresses;

    page_list(const detail::region_layout& layout, detail::range_span pages) {
        for (const address_range& range : pages)
            for (address at = range.start(); at < range.end(); at += page_size()) {
                numbers.push_back(static_cast<std::size_t>(*layout.offset_of({at, at + page_size()}) / page_size()));
                addresses.push_back(at);
            }
    }
};

}  // namespace

process_snapshot detail::capture_access::capture_changes(const pause_guard& pause, const process_memory& memory,
                                                         const capture_options& options, const process_snapshot& base,
                                                         range_span changed) {
    const process_snapshot::state& old = *base.state_;
    if (old.layout.regions().empty()) return capture_under(pause, memory, options);
    const std::vector<address_range> wanted = intersected(changed, old.layout.regions());
    std::uint64_t size = 0;
    for (const address_range& r : wanted) size += r.size();
    if (!old.content->has_room_for(static_cast<std::size_t>(size / page_size())))
        return capture_under(pause, memory, options);

    capture_options only = options;
    only.ranges = wanted;
    if (wanted.empty()) only.ranges.push_back(old.layout.regions().front().part(0, page_size()));  // no range is all
    const process_snapshot fresh = capture_under(pause, memory, only);
    if (selected(memory.target(), fresh.map(), options) != made_set(old.layout.regions()))
        return capture_under(pause, memory, options);

    const page_list pages(old.layout, intersected(wanted, fresh.ranges()));
    cow_pages overlay = old.content->overlay();
    if (!pages.numbers.empty()) {
        auto at = pages.addresses.begin();
        overlay = overlay.with(pages.numbers, [&](std::size_t, std::span<std::byte> to) { fresh.read(*at++, to); });
    }
    capture_record record = fresh.state_->record;
    record.stored = united(vmio::detail::without(old.record.stored, wanted), intersected(record.stored, wanted));
    std::vector<memory_gap> gaps = vmio::without(old.record.gaps, wanted);
    for (const memory_gap& gap : record.gaps)
        for (const address_range& part : intersected({&gap.range, 1}, wanted)) gaps.push_back({part, gap.reason});
    join(gaps);
    record.gaps = std::move(gaps);
    return process_snapshot::state::holding(std::move(record), old.layout, old.content->with(std::move(overlay)));
}

}  // namespace vmio
