// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_walk.hpp>

#include <algorithm>
#include <cstring>
#include <optional>

#include <vmio/error.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/read_past_gaps.hpp>

#include "base/gap_set.hpp"
#include "base/range_set.hpp"

namespace vmio {
namespace {

/// What a memory says of where it can be read: asked for at the first gap, since it may take a while.
class known_ranges {
public:
    explicit known_ranges(const any_memory& memory) : ranges_(memory.ranges()), gaps_(memory.gaps()) {}

    /// Returns: why `range.start()` cannot be read, and how much of the range for the same reason.
    memory_gap gap_at(address_range range) const {
        const auto* const last = ranges_.data() + ranges_.size();
        const address_range* const next = detail::first_above(ranges_, range.start());
        const bool is_said_to_be_readable = next != last && next->contains(range.start());
        if (ranges_.empty() || is_said_to_be_readable)
            range = {range.start(), std::min(range.end(), next_boundary(range.start(), page_size()))};
        else if (next != last)
            range = {range.start(), std::min(range.end(), next->start())};
        const auto below = [&](const memory_gap& gap) { return gap.range.end() <= range.start(); };
        const auto gap = std::partition_point(gaps_.begin(), gaps_.end(), below);
        if (gap != gaps_.end() && gap->range.contains(range.start()))
            return {{range.start(), std::min(range.end(), gap->range.end())}, gap->reason};
        if (gap != gaps_.end() && gap->range.overlaps(range))
            return {{range.start(), gap->range.start()}, gap_reason::unmapped};
        return {range, is_said_to_be_readable ? gap_reason::input_output : gap_reason::unmapped};
    }

private:
    const std::vector<address_range> ranges_;
    const std::vector<memory_gap> gaps_;
};

}  // namespace

std::vector<memory_gap> read_past_gaps(const any_memory& memory, address from, std::span<std::byte> to, gap_fill fill) {
    const auto range = address_range::of_size(from, to.size());
    const auto* const live = memory.as<process_memory>();
    if (live != nullptr && memory.window().contains(range)) return read_past_gaps(*live, from, to, fill);
    std::vector<memory_gap> gaps;
    std::optional<known_ranges> known;
    for (address at = from; at < range.end();) {
        const auto rest = to.subspan(static_cast<std::size_t>(at - from));
        std::error_code ec;
        const std::size_t got = memory.read_some(at, rest, ec);
        at += got;
        if (got > 0) continue;
        if (ec && ec != errc::bad_address) throw memory_error(memory.read_operation(), memory.process_id(), at, ec);
        if (!known) known.emplace(memory);
        gaps.push_back(known->gap_at({at, range.end()}));
        const address_range& gap = gaps.back().range;
        if (fill == gap_fill::zeros) std::memset(rest.data(), 0, static_cast<std::size_t>(gap.size()));
        at = gap.end();
    }
    detail::join(gaps);
    return gaps;
}

}  // namespace vmio
