// SPDX-License-Identifier: BSL-1.0
/// So that a test can show the mappings that differ.
#pragma once

#include <ostream>

#include <vmio/mapping.hpp>

namespace vmio {

inline std::ostream& operator<<(std::ostream& out, const address_range& r) {
    return out << std::hex << r.start() << '-' << r.end() << std::dec;
}

}  // namespace vmio
