// SPDX-License-Identifier: BSL-1.0
/// The mappings of a target that are tracked.
#pragma once

#include <vector>

#include <vmio/address.hpp>
#include <vmio/process.hpp>

#include "base/range_set.hpp"

namespace vmio::detail {

struct selected_mappings {
    std::vector<address_range> whole;  ///< sorted; neighbours are not joined
    std::vector<address_range> parts;  ///< what of them is selected; a set
};

/// Lists the mappings that overlap one of `ranges`, a set of whole pages, and are writable, or all of them if `any`, or
/// have an address in `kept`.
/// Errors: memory_error: ESRCH, ESTALE, EACCES.
selected_mappings select_mappings(const process& target, range_span ranges, bool any, range_span kept);

/// Rounds ranges outwards to whole pages; everything if there are none.
std::vector<address_range> selected_pages(const std::vector<address_range>& ranges);

}  // namespace vmio::detail
