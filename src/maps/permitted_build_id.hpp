// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vector>

#include <vmio/build_id.hpp>
#include <vmio/error.hpp>

namespace vmio::detail {

/// build_id(); none where only the memory could tell and may not be read, though the maps may.
inline std::vector<std::byte> permitted_build_id(const process& target, const mapping& m) {
    try {
        return build_id(target, m);
    } catch (const memory_error& e) {
        if (e.code() != errc::permission_denied) throw;
        return {};
    }
}

}  // namespace vmio::detail
