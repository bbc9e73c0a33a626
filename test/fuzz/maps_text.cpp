// SPDX-License-Identifier: BSL-1.0
/// libFuzzer on the text of /proc/PID/maps. The inputs in maps_text/ are tried first; one that once failed stays there.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "proc/maps_text.hpp"

namespace {

void must(bool holds) {
    if (!holds) std::abort();
}

/// What the kernel would write.
std::string text_of(const vmio::mapping& m) {
    char head[160];
    std::snprintf(head, sizeof head, "%08lx-%08lx %s %08lx %02x:%02x %lu ", m.range.start(), m.range.end(),
                  to_string(m.perms).c_str(), m.offset, m.device_major, m.device_minor, m.inode);
    return head + vmio::detail::name_in_text(m);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const vmio::detail::maps_list list = vmio::detail::parse_maps(text);

    vmio::address end = 0;
    for (const vmio::mapping& m : list.mappings) {
        must(m.range.start() >= end && !m.range.empty());
        end = m.range.end();
        const std::string written = text_of(m);
        vmio::detail::maps_line again;
        must(vmio::detail::parse_maps_line(written, again));
        vmio::mapping same;
        vmio::detail::to_mapping(again, same);
        must(same == m);
    }
    std::size_t lines = 0;
    std::size_t sensible = 0;
    for (std::string_view rest = text; !rest.empty(); ++lines) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        vmio::detail::maps_line parsed;
        sensible += vmio::detail::parse_maps_line(line, parsed) ? 1 : 0;
    }
    must(list.malformed.size() == lines - sensible);
    must(list.torn ? list.mappings.size() <= sensible : list.mappings.size() == sensible);
    return 0;
}
