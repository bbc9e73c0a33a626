// SPDX-License-Identifier: BSL-1.0
#include "proc/vma_lookup.hpp"

#include <cerrno>

#include <unistd.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/maps_text.hpp"
#include "proc/procmap_query.hpp"

namespace vmio::detail {

std::error_code vma_lookup::at_or_above(address where, vma_info& found) noexcept {
    procmap::query q{};
    q.query_flags = procmap::covering_or_next;
    q.query_addr = where;
    const std::error_code ec = procmap::ask(maps_, q);
    if (ec.value() == ENOTTY) return find_in_text(where, found);
    if (!ec) found = {{q.vma_start, q.vma_end}, procmap::permissions_of(q), q.inode, q.vma_offset};
    return ec;
}

std::error_code vma_lookup::find_in_text(address where, vma_info& found) noexcept {
    maps_line line;
    std::uint64_t start = lines_.position();
    for (std::string_view text; last_.range.end() <= where && lines_.next(text); start = lines_.position()) {
        any_ = true;
        if (!parse_maps_line(text, line)) continue;
        last_ = {line.range, line.perms, line.inode, line.offset};
        position_ = start;
    }
    if (last_.range.end() > where) return found = last_, std::error_code();
    return lines_.error() ? lines_.error() : system_error_of(any_ ? ENOENT : ESRCH);
}

std::error_code memory_behind(int maps) noexcept {
    procmap::query q{};
    q.query_flags = procmap::covering_or_next;
    std::error_code ec = procmap::ask(maps, q);
    if (ec.value() == ENOENT) ec.clear();
    if (ec.value() != ENOTTY) return ec;
    char first;
    const ssize_t got = sys::pread(maps, &first, 1, 0);
    return got < 0 ? last_system_error() : got == 0 ? system_error_of(ESRCH) : std::error_code();
}

}  // namespace vmio::detail
