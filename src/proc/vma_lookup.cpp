// SPDX-License-Identifier: BSL-1.0
#include "proc/vma_lookup.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>

#include <fcntl.h>
#include <unistd.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/maps_text.hpp"
#include "proc/procmap_query.hpp"

namespace vmio::detail {
namespace {

constexpr int most_lines = 32;  // read in sequence by the cursor: a pass from the start is ten times as fast per line
constexpr address users_top = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t least_line = 40;  // with its newline: "00400000-00401000 rw-p 00000000 00:00 0 "

}  // namespace

std::error_code vma_lookup::at_or_above(address where, vma_info& found) noexcept {
    procmap::query q{};
    q.query_flags = procmap::covering_or_next;
    q.query_addr = where;
    const std::error_code ec = procmap::ask(maps_, q);
    if (ec.value() == ENOTTY) return in_text(where, found);
    if (!ec) found = {{q.vma_start, q.vma_end}, procmap::permissions_of(q), q.inode, q.vma_offset};
    return ec;
}

std::error_code vma_lookup::in_text(address where, vma_info& found) noexcept {
    return directory_ >= 0 ? find_by_cursor(where, found) : find_in_text(where, found);
}

std::error_code vma_lookup::next_in_text(vma_info& found) noexcept {
    const address end = last_.range.end();
    if (answered_ < 0) return find_in_text(end, found);
    // Not by find_by_cursor(), to which every gap is a reason to begin again.
    for (int lines = 0; lines < most_lines && read_line(answered_); ++lines)
        if (last_.range.end() > end) return found = last_, std::error_code();
    return find_from_start(end, found);
}

std::error_code vma_lookup::find_in_text(address where, vma_info& found) noexcept {
    maps_line line;
    std::uint64_t start = lines_.position();
    for (std::string_view text; last_.range.end() <= where && lines_.next(text); start = lines_.position()) {
        any_ = true;
        if (!parse_maps_line(text, line) || line.range.start() > users_top) continue;
        last_ = {line.range, line.perms, line.inode, line.offset};
        position_ = start;
        passed_to_ = last_.range.start();
        if (last_.range.end() > where) keep(text);
    }
    if (last_.range.end() > where) return found = last_, std::error_code();
    return lines_.error() ? lines_.error() : system_error_of(any_ ? ENOENT : ESRCH);
}

std::error_code vma_lookup::find_from_start(address where, vma_info& found) noexcept {
    lines_.restart();
    last_ = {};
    position_ = 0;
    any_ = positioned_[0] = positioned_[1] = false;
    answered_ = -1;
    const std::error_code ec = find_in_text(where, found);
    if (ec) position_ = 0;
    return ec;
}

std::error_code vma_lookup::find_by_cursor(address where, vma_info& found) noexcept {
    const bool ascends = position_ > 0 && where >= last_.range.end();
    if (ascends && advance(where) && (room_.empty() || last_.range.start() <= where))
        return found = last_, std::error_code();
    return find_from_start(where, found);
}

/// A reader that continues gets the mappings as they are now, so the cursor reads single lines.
bool vma_lookup::advance(address where) noexcept {
    const int reader = turn_;
    bool generated_before = positioned_[reader];
    if (!generated_before && !seek_to_last_line(reader)) return false;
    for (int lines = 0; generated_before || last_.range.end() <= where; ++lines) {
        if (lines == most_lines || !read_line(reader)) return false;
        if (generated_before && last_.range.end() > where) return false;
        generated_before = false;
    }
    answered_ = reader;
    turn_ = 1 - reader;
    return true;
}

/// Positions after the line that the last pass has found, if that is still at the same offset: the text before it may
/// have changed.
bool vma_lookup::seek_to_last_line(int reader) noexcept {
    file_descriptor& file = readers_[reader];
    if (!file) file = file_descriptor(sys::openat(directory_, "maps", O_RDONLY | O_CLOEXEC));
    char before = 0;
    return positioned_[reader] = file && ::lseek(file.get(), static_cast<off_t>(position_ - 1), SEEK_SET) >= 0 &&
                                 sys::read(file.get(), &before, 1) == 1 && before == '\n' && read_line(reader) &&
                                 last_.range.start() == passed_to_;
}

/// Requests no more than the rest of the line, or the kernel would generate the line after the next one, too.
bool vma_lookup::read_line(int reader) noexcept {
    const int file = readers_[reader].get();
    char short_text[160];
    const std::span<char> text = room_.empty() ? std::span<char>(short_text) : room_;
    std::size_t have = least_line - 1;
    bool whole = true;
    if (sys::read(file, text.data(), have) != static_cast<ssize_t>(have)) return false;
    for (char c = 0; c != '\n';) {
        if (sys::read(file, &c, 1) != 1) return false;
        if (c == '\n') break;
        if (have == text.size())
            whole = false;  // truncates only the name
        else
            text[have++] = c;
    }
    maps_line line;
    if (!parse_maps_line({text.data(), have}, line) || line.range.start() > users_top) return false;
    last_ = {line.range, line.perms, line.inode, line.offset};
    line_size_ = !room_.empty() && whole ? have : 0;
    return true;
}

void vma_lookup::keep(std::string_view text) noexcept {
    const bool fits = text.size() < room_.size();  // a longer line may have been truncated by its reader
    line_size_ = fits ? text.size() : 0;
    if (fits) std::copy(text.begin(), text.end(), room_.begin());
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
