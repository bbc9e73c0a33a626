// SPDX-License-Identifier: BSL-1.0
#include "base/gap_set.hpp"

#include <algorithm>
#include <utility>

namespace vmio::detail {

void join(std::vector<memory_gap>& gaps) {
    std::sort(gaps.begin(), gaps.end(),
              [](const memory_gap& a, const memory_gap& b) { return a.range.start() < b.range.start(); });
    std::size_t kept = 0;
    for (const memory_gap& gap : gaps) {
        memory_gap* const last = kept > 0 ? &gaps[kept - 1] : nullptr;
        if (last != nullptr && gap.range.start() <= last->range.end() &&
            (gap.reason == last->reason || gap.range.end() <= last->range.end()))
            last->range = {last->range.start(), std::max(last->range.end(), gap.range.end())};
        else
            gaps[kept++] = gap;
    }
    gaps.resize(kept);
}

void cut_out(std::vector<memory_gap>& gaps, const address_range& part) {
    std::vector<memory_gap> left;
    for (const memory_gap& gap : gaps) {
        const address_range& r = gap.range;
        if (!r.overlaps(part)) {
            left.push_back(gap);
            continue;
        }
        // GCOVR_EXCL_START: only where a target maps anew what was a gap a moment ago
        if (r.start() < part.start()) left.push_back({{r.start(), part.start()}, gap.reason});
        if (part.end() < r.end()) left.push_back({{part.end(), r.end()}, gap.reason});
        // GCOVR_EXCL_STOP
    }
    gaps = std::move(left);
}

}  // namespace vmio::detail
