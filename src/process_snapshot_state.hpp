// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include <vmio/process_snapshot.hpp>

#include "file_descriptor.hpp"
#include "memory_file.hpp"
#include "process_facts.hpp"
#include "region_layout.hpp"

namespace vmio {

/// What is known of a captured process beside its bytes.
struct capture_record : process_facts {
    std::chrono::system_clock::time_point time;
    bool paused = false;
    memory_map map;
    std::vector<std::vector<std::byte>> build_ids;  // of each mapping of map
    std::vector<memory_gap> gaps;                   // sorted; also where nothing should have been
    std::vector<address_range> stored;              // sorted
};

/// What copies of a process_snapshot share.
struct VMIO_HIDDEN process_snapshot::state {
    /// `filled` holds the bytes of `record.stored` as `layout` says.
    state(capture_record record, region_layout layout, file_descriptor filled);

    static process_snapshot holding(capture_record record, region_layout layout, file_descriptor filled) {
        return process_snapshot(std::make_shared<const state>(std::move(record), std::move(layout), std::move(filled)));
    }

    const capture_record record;
    const region_layout layout;
    const std::shared_ptr<const memory_file> file;
    const std::vector<address_range> ranges;  // regions without gaps
};

}  // namespace vmio
