// SPDX-License-Identifier: BSL-1.0
/// What the functions that write core files report: write_core(), process_snapshot::save_core().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <vmio/memory_gap.hpp>

namespace vmio {

/// Called from time to time with the number of bytes that are written, and that the file will have. An exception that
/// it throws ends the writing.
using core_progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// The content of a core file.
struct core_summary {
    std::uint64_t size = 0;   ///< of the file, in bytes
    std::size_t threads = 0;  ///< whose registers are in it
    /// What is mapped and not in the file, sorted. Pages that turned out to be unreadable only while the file was
    /// written are zero in it: pages past the end of a mapped file, and those that a target that was not paused has
    /// unmapped.
    std::vector<memory_gap> gaps;
    /// As of process_snapshot.
    /// @{
    bool frozen_copy = false;
    std::string frozen_copy_refusal{};
    std::chrono::nanoseconds pause_time{};
    /// @}
};

}  // namespace vmio
