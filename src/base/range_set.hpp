// SPDX-License-Identifier: BSL-1.0
/// Sets of addresses: ranges that are sorted and neither empty nor overlap.
#pragma once

#include <span>
#include <vector>

#include <vmio/address.hpp>

namespace vmio::detail {

using range_span = std::span<const address_range>;

/// Sorts and joins ranges that may be in any order, empty or overlap.
std::vector<address_range> made_set(std::vector<address_range> ranges);

std::vector<address_range> intersected(range_span a, range_span b);
std::vector<address_range> united(range_span a, range_span b);
/// What of `a` is not in `b`.
std::vector<address_range> without(range_span a, range_span b);

/// Adds a range that lies behind the others; joins it to the last one if they touch.
void append(std::vector<address_range>& ranges, const address_range& range);

/// The first that ends above `a`.
const address_range* first_above(range_span set, address a) noexcept;

/// Whether any of them has a byte in common with `range`.
bool overlaps(range_span set, const address_range& range) noexcept;

}  // namespace vmio::detail
