// SPDX-License-Identifier: BSL-1.0
#include "maps/gap_filler.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>

#include "proc/maps_text.hpp"
#include "proc/procmap_query.hpp"

namespace vmio::detail {
namespace {

/// Appends the mappings in `gap`, by address.
/// Returns: false if the kernel no longer supports the query.
bool query_gap(const address_range& gap, int maps, mapping_name_resolver& names, std::vector<mapping>& found) {
    for (address at = gap.start(); at < gap.end(); at = found.back().range.end()) {
        procmap::query q{};
        q.query_flags = procmap::covering_or_next;
        q.query_addr = at;
        std::error_code ec = procmap::ask(maps, q);
        const auto in_gap = [&] { return address_range(q.vma_start, q.vma_end).intersection({at, gap.end()}); };
        if (ec.value() == ENOENT || (!ec && in_gap().empty())) return true;
        if (ec) return false;
        std::string name;  // omitted from the first query, since it takes longer and is seldom needed
        q = {};
        q.query_flags = procmap::covering_or_next;
        q.query_addr = at;
        ec = procmap::ask(maps, q, name);
        if (ec || in_gap().empty()) return ec.value() != ENOTTY;
        mapping m = procmap::mapping_of(q, std::move(name));
        names.resolve_deleted(m);
        const address_range part = in_gap();
        if (m.file_backed()) m.offset += part.start() - m.range.start();
        m.range = part;
        found.push_back(std::move(m));
    }
    return true;
}

}  // namespace

void fill_gaps(std::vector<mapping>& mappings, int maps, mapping_name_resolver& names) {
    std::vector<mapping> lacking;
    address at = 0;
    const auto look = [&](address end) { return end <= at || query_gap({at, end}, maps, names, lacking); };
    for (const mapping& m : mappings) {
        if (!look(m.range.start())) return;
        at = m.range.end();
    }
    if (!look(std::numeric_limits<address>::max()) || lacking.empty()) return;
    std::vector<mapping> all;
    all.reserve(mappings.size() + lacking.size());
    std::merge(std::make_move_iterator(mappings.begin()), std::make_move_iterator(mappings.end()),
               std::make_move_iterator(lacking.begin()), std::make_move_iterator(lacking.end()),
               std::back_inserter(all),
               [](const mapping& a, const mapping& b) { return a.range.start() < b.range.start(); });
    mappings = std::move(all);
}

}  // namespace vmio::detail
