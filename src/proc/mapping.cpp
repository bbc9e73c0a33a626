// SPDX-License-Identifier: BSL-1.0
#include <vmio/mapping.hpp>

#include <cinttypes>
#include <cstdio>
#include <ostream>

#include "proc/maps_text.hpp"

namespace vmio {

std::string to_string(const mapping& m) {
    char fields[128];
    std::snprintf(fields, sizeof fields,
                  "%08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64 " %02" PRIx32 ":%02" PRIx32 " %" PRIu64, m.range.start(),
                  m.range.end(), to_string(m.perms).c_str(), m.offset, m.device_major, m.device_minor, m.inode);
    const std::string name = detail::name_in_text(m);
    return name.empty() ? fields : std::string(fields) + ' ' + name;
}

std::ostream& operator<<(std::ostream& out, const permissions& p) {
    return out << to_string(p);
}

std::ostream& operator<<(std::ostream& out, const mapping& m) {
    return out << to_string(m);
}

}  // namespace vmio
