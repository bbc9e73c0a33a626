// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vector>

#include <vmio/smaps.hpp>

namespace vmio::detail {

/// What the program asked to be left out of core files: madvise(2), MADV_DONTDUMP. Sorted.
inline std::vector<address_range> dontdump_ranges(const process& target, const address_range& within) {
    std::vector<address_range> ranges;
    for (const smaps_entry& entry : read_smaps(target, within))
        if (entry.flags.has("dd")) ranges.push_back(entry.range);
    return ranges;
}

}  // namespace vmio::detail
