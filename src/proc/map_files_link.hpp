// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdio>

#include <vmio/mapping.hpp>

namespace vmio::detail {

/// The path, below /proc/PID, of the link to a mapping's file. Reading the link takes the same permission as reading
/// the maps; following it takes CAP_CHECKPOINT_RESTORE.
struct map_files_link {
    explicit map_files_link(const mapping& m) noexcept {
        std::snprintf(path, sizeof path, "map_files/%llx-%llx", static_cast<unsigned long long>(m.range.start()),
                      static_cast<unsigned long long>(m.range.end()));
    }
    char path[64];
};

}  // namespace vmio::detail
