// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vmio/write_tracker.hpp>

#include "track/write_log.hpp"

namespace vmio {

struct VMIO_HIDDEN write_tracker::state {
    std::unique_ptr<detail::write_log> log;
};

namespace detail {

struct VMIO_HIDDEN tracker_access {
    static write_log& log_of(write_tracker& tracker) noexcept { return *tracker.state_->log; }
};

}  // namespace detail
}  // namespace vmio
