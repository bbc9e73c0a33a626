// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <vmio/process.hpp>

#include "mapping_query.hpp"
#include "system_error.hpp"

namespace vmio {

/// ESRCH if the process has ended, ESTALE if it has called exec since it was opened. Asked after a file of /proc/PID
/// was opened or read, it tells whether that was of the right program.
inline std::error_code lost_program(const process& who) noexcept {
    mapped_range ignored;
    const bool replaced = who.maps() >= 0 && query_mapping_at_or_above(who.maps(), 0, ignored).value() == ESRCH;
    if (!who.alive()) return system_error_of(ESRCH);
    return replaced ? system_error_of(ESTALE) : std::error_code();
}

}  // namespace vmio
