// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_descriptor.hpp"
#include "mapping_query.hpp"
#include "pagemap_scan.hpp"
#include "process_memory_state.hpp"
#include "system_error.hpp"

namespace vmio {
namespace {

/// The end of the guard pages around and behind `at`; at most `at` if there are none.
address guard_end(const process& who, address at, address end) {
    at = align_down(at, page_size());
    const file_descriptor file(::openat(who.proc_directory(), "pagemap", O_RDONLY | O_CLOEXEC));
    if (!file) return at;
    std::array<std::uint64_t, 512> entries;
    while (at < end) {
        const ssize_t got = ::pread(file.get(), entries.data(), sizeof entries,
                                    static_cast<off_t>(at / page_size() * sizeof entries[0]));
        const std::size_t count = got > 0 ? static_cast<std::size_t>(got) / sizeof entries[0] : 0;
        for (std::size_t i = 0; i < count && at < end; ++i, at += page_size())
            if ((entries[i] & pagemap::entry_guard) == 0) return at;
        if (count == 0) break;
    }
    return std::min(at, end);
}

/// Where the pages of a mapped file end in the mapping, or the end of the mapping if that cannot be known.
address file_end(const process& who, const mapped_range& m) {
    char name[64];
    std::snprintf(name, sizeof name, "map_files/%llx-%llx", static_cast<unsigned long long>(m.range.start()),
                  static_cast<unsigned long long>(m.range.end()));
    struct stat status {};
    if (!m.backed_by_file || ::fstatat(who.proc_directory(), name, &status, 0) != 0 || !S_ISREG(status.st_mode))
        return m.range.end();
    const auto size = align_up(static_cast<std::uint64_t>(status.st_size), page_size());
    if (size <= m.offset) return m.range.start();
    return std::min(m.range.end(), m.range.start() + (size - m.offset));
}

/// What is wrong at `at`, which could not be read, and how far that goes.
memory_gap examine(const process& who, address at, address end, bool protections_count) {
    mapped_range m;
    const std::error_code none = query_mapping_at_or_above(who.maps(), at, m);
    if (none.value() == ENOENT) return {{at, end}, gap_reason::unmapped};
    if (none) {
        const bool replaced = none.value() == ESRCH && who.alive();
        throw memory_error("query of /proc/PID/maps", who.id(), at, replaced ? system_error_of(ESTALE) : none);
    }
    if (m.range.start() > at) return {{at, std::min(end, m.range.start())}, gap_reason::unmapped};
    end = std::min(end, m.range.end());
    if (protections_count && !m.read) return {{at, end}, gap_reason::no_permission};
    if (const address guarded = guard_end(who, at, end); guarded > at) return {{at, guarded}, gap_reason::guard_page};
    if (at >= file_end(who, m)) return {{at, end}, gap_reason::past_end_of_file};
    const address next_page = align_down(at, page_size()) + page_size();
    return {{at, std::min(end, next_page)}, gap_reason::input_output};
}

}  // namespace

std::vector<memory_gap> process_memory::read_past_gaps(address from, std::span<std::byte> to, gap_fill fill) const {
    const auto range = address_range::of_size(from, to.size());
    std::vector<memory_gap> gaps;
    std::error_code ec;
    for (address at = from; at < range.end();) {
        const auto rest = to.subspan(static_cast<std::size_t>(at - from));
        at += read_some(at, rest, ec);
        if (!ec) continue;
        if (ec != errc::bad_address) throw memory_error(read_operation(), who_.id(), at, ec);
        const bool protections_count =
            !by_mem(direction::reading) || state_->protections(direction::reading) == mem_file::protections::honour;
        const memory_gap gap = examine(who_, at, range.end(), protections_count);
        if (gap.reason == gap_reason::input_output) {
            // Or the target has made it readable since: try again before saying so.
            if (const std::size_t step = read_some(at, rest, ec); step > 0) {
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
