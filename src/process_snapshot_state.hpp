// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <vmio/process_snapshot.hpp>

#include "file_descriptor.hpp"
#include "memory_file.hpp"

namespace vmio {

/// What is known of a captured process beside its bytes.
struct capture_record {
    pid_t process_id = 0;
    std::chrono::system_clock::time_point time;
    bool paused = false;
    memory_map map;
    std::vector<std::vector<std::byte>> build_ids;  // of each mapping of map
    std::vector<memory_gap> gaps;                   // sorted; also where nothing should have been
    std::vector<address_range> stored;              // sorted
};

/// Where the bytes of regions lie in a file: in their order, neighbouring bytes next to each other, each in its page
/// where it was in the process. So any part of a region can be mapped.
///
///     address space    | heap  |     | lib | lib |         | stack |
///     file             | heap  | lib | lib | stack |
class region_layout {
public:
    region_layout() noexcept = default;

    /// Adds a region above the others and returns where it begins; none if no file is as large.
    std::optional<std::uint64_t> add(const address_range& region);

    std::uint64_t size() const noexcept { return end_; }
    const std::vector<address_range>& regions() const noexcept { return regions_; }

    /// None if it does not lie in one region.
    std::optional<std::uint64_t> offset_of(const address_range&) const noexcept;

private:
    std::vector<address_range> regions_;
    std::vector<std::uint64_t> offsets_;
    std::uint64_t end_ = 0;
};

/// What copies of a process_snapshot share.
struct process_snapshot::state {
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
