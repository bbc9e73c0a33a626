// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_gap.hpp>

#include <algorithm>
#include <utility>

#include "base/gap_set.hpp"

namespace vmio {

const char* description(gap_reason reason) noexcept {
    switch (reason) {
        case gap_reason::unmapped: return "nothing is mapped there";
        case gap_reason::no_permission: return "the process itself may not read it";
        case gap_reason::guard_page: return "a guard page";
        case gap_reason::past_end_of_file: return "past the end of the mapped file";
        case gap_reason::swapped: return "swapped out";
        case gap_reason::input_output: return "the kernel cannot give it";
        case gap_reason::over_limit: return "more than was to be stored";
        case gap_reason::not_dumped: return "not in the core file";
        case gap_reason::cut_off: return "the core file ends too early";
    }
    return "unknown";
}

std::string to_string(const memory_gap& gap) {
    return to_string(gap.range) + ": " + description(gap.reason);
}

}  // namespace vmio

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
        // GCOVR_EXCL_START: only if the target maps a gap meanwhile
        if (r.start() < part.start()) left.push_back({{r.start(), part.start()}, gap.reason});
        if (part.end() < r.end()) left.push_back({{part.end(), r.end()}, gap.reason});
        // GCOVR_EXCL_STOP
    }
    gaps = std::move(left);
}

}  // namespace vmio::detail
