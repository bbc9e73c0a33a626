// SPDX-License-Identifier: BSL-1.0
/// Lists of gaps.
#pragma once

#include <vector>

#include <vmio/memory_gap.hpp>

namespace vmio::detail {

/// Sorts gaps and joins neighbours that have the same reason; where gaps overlap, the first one takes precedence.
void join(std::vector<memory_gap>& gaps);

/// Removes the addresses of `part` from the gaps.
void cut_out(std::vector<memory_gap>& gaps, const address_range& part);

}  // namespace vmio::detail
