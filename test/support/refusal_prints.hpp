// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ostream>

#include <vmio/backing_file.hpp>

namespace std {

inline ostream& operator<<(ostream& out, vmio::file_refusal r) {
    return out << vmio::description(r);
}

}  // namespace std
