// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/memory_map.hpp>

#include "process/process_info.hpp"

namespace vmio::detail {

/// The attributes of a captured process: everything except its bytes.
struct capture_record : process_info {
    std::chrono::system_clock::time_point time;
    bool paused = false;
    bool frozen_copy = false;
    std::chrono::nanoseconds pause_time{};
    std::string refusal;  // why there is no frozen copy, if it was asked for; not saved
    memory_map map;
    std::vector<std::vector<std::byte>> build_ids;  // one for each mapping of map
    std::vector<memory_gap> gaps;                   // sorted; may include ranges outside of the regions
    std::vector<address_range> stored;              // sorted
};

}  // namespace vmio::detail
