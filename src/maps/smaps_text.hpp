// SPDX-License-Identifier: BSL-1.0
/// Parser of the text of /proc/PID/smaps.
#pragma once

#include <vector>

#include <vmio/address.hpp>
#include <vmio/smaps.hpp>

#include "proc/line_reader.hpp"

namespace vmio::detail {

/// Returns: the entries of mappings that overlap `range`, sorted, without overlaps: of two that overlap in a text that
/// was read in parts, the newer one counts. Lines that are not understood are skipped.
std::vector<smaps_entry> parse_smaps(line_reader& lines, const address_range& range);

}  // namespace vmio::detail
