// SPDX-License-Identifier: BSL-1.0
#include <vmio/read_past_gaps.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include <vmio/backing_file.hpp>
#include <vmio/page_map.hpp>
#include <vmio/query_mapping.hpp>

#include "proc/vma_lookup.hpp"
#include "process/proc_file.hpp"

namespace vmio {
namespace {

/// Returns the end of the guard pages at `at`; `at` if there are none or page tables cannot be read.
address guard_end(const process& target, address at, address end) {
    std::error_code ec;
    const page_map pages(target, ec);
    if (ec) return at;
    address guarded = at;
    pages.scan({at, end}, page_state::guard, [&](const page_run& run) {
        if (run.range.start() <= at) guarded = std::min(run.range.end(), end);
        return false;
    });
    return guarded;
}

/// Returns where the pages of a mapped file end in the mapping; the end of the mapping if that cannot be known.
address file_end(const process& target, const detail::vma_info& m) {
    if (m.inode == 0) return m.range.end();
    std::error_code ec;
    const auto whole = query_mapping(target, m.range.start(), mapping_lookup::exact, {}, ec);
    if (!whole) return m.range.end();
    const backing_file file(target, *whole);
    if (file.refusal() == file_refusal::too_short) return m.range.start();
    if (!file) return m.range.end();
    const std::uint64_t size = align_up(file.size(), page_size());
    return size <= m.offset ? m.range.start() : std::min(m.range.end(), m.range.start() + (size - m.offset));
}

/// Returns why `at` cannot be read, and how far that reason holds.
memory_gap examine(const process& target, std::optional<detail::vma_lookup>& mapped, address at, address end,
                   bool protections_count) {
    detail::vma_info m;
    std::error_code none = detail::lost_program(target);
    const int maps = none ? -1 : detail::maps_of(target, none);
    if (!none && !mapped) mapped.emplace(maps);
    if (!none) none = mapped->at_or_above(at, m);
    if (none.value() == ENOENT) return {{at, end}, gap_reason::unmapped};
    if (none) throw memory_error("query of /proc/PID/maps", target.id(), at, detail::gone_only_if_ended(target, none));
    if (m.range.start() > at) return {{at, std::min(end, m.range.start())}, gap_reason::unmapped};
    end = std::min(end, m.range.end());
    if (protections_count && !m.perms.read) return {{at, end}, gap_reason::no_permission};
    if (const address guarded = guard_end(target, at, end); guarded > at)
        return {{at, guarded}, gap_reason::guard_page};
    if (at >= file_end(target, m)) return {{at, end}, gap_reason::past_end_of_file};
    const address next_page = next_boundary(at, page_size());
    return {{at, std::min(end, next_page)}, gap_reason::input_output};
}

}  // namespace

std::vector<memory_gap> read_past_gaps(const process_memory& memory, address from, std::span<std::byte> to,
                                       gap_fill fill) {
    const process& target = memory.target();
    const auto range = address_range::of_size(from, to.size());
    const bool protections_count = memory.options().method != transfer_method::proc_mem;
    std::vector<memory_gap> gaps;
    std::optional<detail::vma_lookup> mapped;
    std::error_code ec;
    for (address at = from; at < range.end();) {
        const auto rest = to.subspan(static_cast<std::size_t>(at - from));
        at += memory.read_some(at, rest, ec);
        if (!ec) continue;
        if (ec != errc::bad_address)
            throw memory_error(memory.read_operation(), target.id(), at, detail::gone_only_if_ended(target, ec));
        const memory_gap gap = examine(target, mapped, at, range.end(), protections_count);
        if (gap.reason == gap_reason::input_output) {
            // Or the target has made it readable since: try again before it counts as a gap.
            if (const std::size_t step = memory.read_some(at, rest, ec); step > 0) {
                at += step;
                continue;
            }
        }
        if (fill == gap_fill::zeros) std::memset(rest.data(), 0, static_cast<std::size_t>(gap.range.size()));
        if (!gaps.empty() && gaps.back().range.end() == at && gaps.back().reason == gap.reason)
            gaps.back().range = {gaps.back().range.start(), gap.range.end()};
        else
            gaps.push_back(gap);
        at = gap.range.end();
    }
    return gaps;
}

}  // namespace vmio
