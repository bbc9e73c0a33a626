// SPDX-License-Identifier: BSL-1.0
#include "mapped_range.hpp"

#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "maps_text.hpp"
#include "procmap_query.hpp"
#include "system_error.hpp"

namespace vmio {
namespace {

/// The first mapping of the text that ends above `where`.
std::error_code find_in_text(int maps, address where, mapped_range& found) noexcept {
    char buffer[8192];  // a line is at most a page and a little; of a longer one the name is not wanted
    std::size_t have = 0;
    off_t offset = 0;
    bool within_line = false;
    for (;;) {
        const ssize_t got = ::pread(maps, buffer + have, sizeof buffer - have, offset);
        if (got < 0) return last_system_error();
        if (got == 0) return system_error_of(offset > 0 ? ENOENT : ESRCH);
        offset += got;
        have += static_cast<std::size_t>(got);
        std::string_view text(buffer, have);
        while (!text.empty()) {
            const std::size_t newline = text.find('\n');
            if (newline == std::string_view::npos && text.size() < sizeof buffer) break;
            maps_line line;
            if (!within_line && parse_maps_line(text.substr(0, newline), line) && line.range.end() > where) {
                found = {line.range, line.perms, line.inode, line.offset};
                return {};
            }
            within_line = newline == std::string_view::npos;
            text.remove_prefix(within_line ? text.size() : newline + 1);
        }
        have = text.size();
        std::memmove(buffer, text.data(), have);
    }
}

}  // namespace

std::error_code mapped_range_at_or_above(int maps, address where, mapped_range& found) noexcept {
    procmap::query q{};
    q.query_flags = procmap::covering_or_next;
    q.query_addr = where;
    const std::error_code ec = procmap::ask(maps, q);
    if (ec.value() == ENOTTY) return find_in_text(maps, where, found);
    if (!ec) found = {{q.vma_start, q.vma_end}, procmap::permissions_of(q), q.inode, q.vma_offset};
    return ec;
}

}  // namespace vmio
