// SPDX-License-Identifier: BSL-1.0
/// So that a test can show the mappings that differ.
#pragma once

#include <ostream>

#include <vmio/mapping.hpp>

namespace vmio {

inline std::ostream& operator<<(std::ostream& out, const mapping& m) {
    return out << m.range << ' ' << to_string(m.perms) << std::hex << ' ' << m.offset << ' ' << m.device_major << ':'
               << m.device_minor << std::dec << ' ' << m.inode << " '" << m.name << '\''
               << (m.deleted ? " deleted" : "");
}

}  // namespace vmio
