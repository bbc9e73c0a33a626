// SPDX-License-Identifier: BSL-1.0
#include "base/range_set.hpp"

#include <algorithm>

namespace vmio::detail {

namespace {

bool starts_before(const address_range& a, const address_range& b) noexcept {
    return a.start() < b.start();
}

/// Orders ranges by start.
void join_neighbours(std::vector<address_range>& ranges) {
    std::size_t kept = 0;
    for (const address_range& r : ranges) {
        if (r.empty()) continue;
        if (kept > 0 && r.start() <= ranges[kept - 1].end())
            ranges[kept - 1] = {ranges[kept - 1].start(), std::max(ranges[kept - 1].end(), r.end())};
        else
            ranges[kept++] = r;
    }
    ranges.resize(kept);
}

}  // namespace

std::vector<address_range> made_set(std::vector<address_range> ranges) {
    std::sort(ranges.begin(), ranges.end(), starts_before);
    join_neighbours(ranges);
    return ranges;
}

void append(std::vector<address_range>& ranges, const address_range& range) {
    if (!ranges.empty() && ranges.back().end() == range.start())
        ranges.back() = {ranges.back().start(), range.end()};
    else
        ranges.push_back(range);
}

const address_range* first_above(range_span set, address a) noexcept {
    return std::partition_point(set.data(), set.data() + set.size(),
                                [&](const address_range& r) { return r.end() <= a; });
}

std::vector<address_range> intersected(range_span a, range_span b) {
    std::vector<address_range> common;
    if (a.empty() || b.empty()) return common;
    // One is often much smaller than the other.
    const address_range* in_a = first_above(a, b.front().start());
    const address_range* in_b = first_above(b, a.front().start());
    while (in_a != a.data() + a.size() && in_b != b.data() + b.size()) {
        if (in_a->overlaps(*in_b)) common.push_back(in_a->intersection(*in_b));
        ++(in_a->end() < in_b->end() ? in_a : in_b);
    }
    return common;
}

std::vector<address_range> united(range_span a, range_span b) {
    std::vector<address_range> both(a.size() + b.size());
    std::merge(a.begin(), a.end(), b.begin(), b.end(), both.begin(), starts_before);
    join_neighbours(both);
    return both;
}

std::vector<address_range> without(range_span a, range_span b) {
    std::vector<address_range> rest;
    const address_range* hole = b.data();
    const address_range* const end = b.data() + b.size();
    for (const address_range& r : a) {
        address at = r.start();
        for (; hole != end && hole->start() < r.end(); ++hole) {
            if (hole->start() > at) rest.emplace_back(at, hole->start());
            at = std::max(at, hole->end());
            if (hole->end() > r.end()) break;  // the rest of the hole overlaps the next range
        }
        if (at < r.end()) rest.emplace_back(at, r.end());
    }
    return rest;
}

bool overlaps(range_span set, const address_range& range) noexcept {
    const address_range* const above = first_above(set, range.start());
    return above != set.data() + set.size() && above->overlaps(range);
}

}  // namespace vmio::detail
