// SPDX-License-Identifier: BSL-1.0
#include "maps/maps_cursor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/system_call.hpp"
#include "proc/maps_text.hpp"

namespace vmio::detail {
namespace {

constexpr int most_lines = 32;          // in a row: from the start it is ten times as fast
constexpr std::size_t least_line = 40;  // with its newline: "00400000-00401000 rw-p 00000000 00:00 0 "

}  // namespace

std::error_code maps_cursor::at_or_above(address where, vma_info& found) noexcept {
    if (place_ > 0 && where >= last_.range.end() && go_on(where)) return found = last_, std::error_code();
    vma_lookup from_start(target_.maps());
    const std::error_code ec = from_start.at_or_above(where, last_);
    place_ = ec ? 0 : from_start.text_position();
    there_ = false;
    found = last_;
    return ec;
}

bool maps_cursor::go_on(address where) noexcept {
    if (!there_ && !seek()) return false;
    for (int lines = 0; last_.range.end() <= where; ++lines)
        if (lines == most_lines || !read_line()) return false;
    return true;
}

/// Behind the last look's line, if that is where it was: the text before it may have changed.
bool maps_cursor::seek() noexcept {
    if (!maps_) maps_ = file_descriptor(sys::openat(target_.proc_directory(), "maps", O_RDONLY | O_CLOEXEC));
    const address start = last_.range.start();
    char before = 0;
    there_ = maps_ && ::lseek(maps_.get(), static_cast<off_t>(place_ - 1), SEEK_SET) >= 0 &&
             sys::read(maps_.get(), &before, 1) == 1 && before == '\n' && read_line() && last_.range.start() == start;
    return there_;
}

/// Never asks for more than is left of the line, or the kernel would write the next one too, which is to be of later.
bool maps_cursor::read_line() noexcept {
    char text[160];
    std::size_t have = least_line - 1;
    if (sys::read(maps_.get(), text, have) != static_cast<ssize_t>(have)) return false;
    for (char c = 0; c != '\n';) {
        if (sys::read(maps_.get(), &c, 1) != 1) return false;
        if (c != '\n' && have < sizeof text) text[have++] = c;  // of a longer one the name is not wanted
    }
    maps_line line;
    if (!parse_maps_line({text, have}, line)) return false;
    last_ = {line.range, line.perms, line.inode, line.offset};
    return true;
}

}  // namespace vmio::detail
