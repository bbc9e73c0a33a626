// SPDX-License-Identifier: BSL-1.0
#include "proc/vma_lookup.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/maps_text.hpp"
#include "proc/procmap_query.hpp"

namespace vmio::detail {
namespace {

constexpr int most_lines = 32;  // read in sequence by the cursor: a pass from the start is ten times as fast per line
constexpr std::size_t least_line = 40;  // with its newline: "00400000-00401000 rw-p 00000000 00:00 0 "

}  // namespace

std::error_code vma_lookup::at_or_above(address where, vma_info& found) noexcept {
    procmap::query q{};
    q.query_flags = procmap::covering_or_next;
    q.query_addr = where;
    const std::error_code ec = procmap::ask(maps_, q);
    if (ec.value() == ENOTTY) return directory_ >= 0 ? find_by_cursor(where, found) : find_in_text(where, found);
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

std::error_code vma_lookup::find_by_cursor(address where, vma_info& found) noexcept {
    if (position_ > 0 && where >= last_.range.end() && advance(where)) return found = last_, std::error_code();
    lines_.restart();
    last_ = {};
    position_ = 0;
    any_ = positioned_ = false;
    const std::error_code ec = find_in_text(where, found);
    if (ec) position_ = 0;
    return ec;
}

/// A reader that continues gets the mappings as they are now, so the cursor reads single lines.
bool vma_lookup::advance(address where) noexcept {
    if (!positioned_ && !seek_to_last_line()) return false;
    for (int lines = 0; last_.range.end() <= where; ++lines)
        if (lines == most_lines || !read_line()) return false;
    return true;
}

/// Positions after the last lookup's line, if that is still at the same offset: the text before it may have changed.
bool vma_lookup::seek_to_last_line() noexcept {
    if (!own_maps_) own_maps_ = file_descriptor(sys::openat(directory_, "maps", O_RDONLY | O_CLOEXEC));
    const address start = last_.range.start();
    char before = 0;
    positioned_ = own_maps_ && ::lseek(own_maps_.get(), static_cast<off_t>(position_ - 1), SEEK_SET) >= 0 &&
                  sys::read(own_maps_.get(), &before, 1) == 1 && before == '\n' && read_line() &&
                  last_.range.start() == start;
    return positioned_;
}

/// Requests no more than the rest of the line, or the kernel would generate the next one too, which must be read at its
/// own lookup.
bool vma_lookup::read_line() noexcept {
    char text[160];
    std::size_t have = least_line - 1;
    if (sys::read(own_maps_.get(), text, have) != static_cast<ssize_t>(have)) return false;
    for (char c = 0; c != '\n';) {
        if (sys::read(own_maps_.get(), &c, 1) != 1) return false;
        if (c != '\n' && have < sizeof text) text[have++] = c;  // truncates only the name
    }
    maps_line line;
    if (!parse_maps_line({text, have}, line)) return false;
    last_ = {line.range, line.perms, line.inode, line.offset};
    return true;
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
