// SPDX-License-Identifier: BSL-1.0
#include "track/selected_mappings.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>

#include <vmio/error.hpp>

#include "base/system_error.hpp"
#include "proc/vma_lookup.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"

namespace vmio::detail {

selected_mappings select_mappings(const process& target, range_span ranges, bool any, range_span kept) {
    std::error_code ec;
    const int maps = maps_of(target, ec);
    if (ec) throw opening_error("open of /proc/PID/maps", target.id(), 0, ec);
    vma_lookup lookup(maps, target.proc_directory());
    selected_mappings found;
    for (const address_range& range : ranges) {
        for (address at = range.start(); at < range.end();) {
            vma_info m;
            ec = lookup.at_or_above(at, m);
            if (ec.value() == ENOENT) break;
            if (ec) throw memory_error("list of mappings", target.id(), at, gone_only_if_ended(target, ec));
            if (m.range.start() >= range.end()) break;
            at = m.range.end();
            if (!any && !m.perms.write && !overlaps(kept, m.range)) continue;
            if (found.whole.empty() || found.whole.back() != m.range) found.whole.push_back(m.range);
            append(found.parts, m.range.intersection(range));
        }
    }
    return found;
}

std::vector<address_range> selected_pages(const std::vector<address_range>& ranges) {
    const address last = align_down(std::numeric_limits<address>::max(), page_size());
    if (ranges.empty()) return {{0, last}};
    std::vector<address_range> pages;
    for (const address_range& r : ranges) {
        if (r.empty()) continue;
        const address end = r.end() > last ? last : align_up(r.end(), page_size());
        pages.emplace_back(std::min(align_down(r.start(), page_size()), end), end);
    }
    return made_set(std::move(pages));
}

}  // namespace vmio::detail
