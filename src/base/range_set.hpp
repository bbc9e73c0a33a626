// SPDX-License-Identifier: BSL-1.0
/// Sets of addresses: ranges that are sorted, not empty, and do not overlap. The addresses of a snapshot are its
/// offsets, so the parts of a memfd that hold data are such a set too.
#pragma once

#include <span>
#include <vector>

#include <vmio/address.hpp>

namespace vmio::detail {

using range_span = std::span<const address_range>;

/// Makes a set of ranges that may be unsorted, empty or overlapping; neighbours are joined.
std::vector<address_range> made_set(std::vector<address_range> ranges);

std::vector<address_range> intersected(range_span a, range_span b);
/// Neighbours are joined.
std::vector<address_range> united(range_span a, range_span b);
/// The parts of `a` that are not in `b`.
std::vector<address_range> without(range_span a, range_span b);

/// Adds a range that lies above the others; joins it to the last one if they touch.
void append(std::vector<address_range>& ranges, const address_range& range);

/// The first range that ends above `a`; one past the last if there is none.
const address_range* first_above(range_span set, address a) noexcept;

/// Whether any range of `set` has an address in common with `range`.
bool overlaps(range_span set, const address_range& range) noexcept;

}  // namespace vmio::detail
