// SPDX-License-Identifier: BSL-1.0
/// Lists of gaps.
#pragma once

#include <vector>

#include <vmio/memory_gap.hpp>

namespace vmio::detail {

/// Sorts them and joins neighbours that have the same reason; of gaps that overlap the first keeps its part.
void join(std::vector<memory_gap>& gaps);

/// Removes `part` from them.
void cut_out(std::vector<memory_gap>& gaps, const address_range& part);

}  // namespace vmio::detail
