// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>

#include <vmio/process_memory.hpp>
#include <vmio/write_tracker.hpp>

#include "track/write_log.hpp"

namespace vmio {

struct VMIO_HIDDEN write_tracker::state {
    std::unique_ptr<detail::write_log> log;
    std::optional<process_memory> memory;  // opened on first need
};

namespace detail {

struct VMIO_HIDDEN tracker_access {
    static write_log& log_of(write_tracker& tracker) noexcept { return *tracker.state_->log; }
    static const process_memory& memory_of(write_tracker& tracker) {
        std::optional<process_memory>& memory = tracker.state_->memory;
        if (!memory) memory.emplace(tracker.target_);
        return *memory;
    }
};

}  // namespace detail
}  // namespace vmio
