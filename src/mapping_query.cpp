// SPDX-License-Identifier: BSL-1.0
#include "mapping_query.hpp"

#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "procmap_query.hpp"
#include "system_error.hpp"

namespace vmio {
namespace {

/// False: this kernel does not know the request, or a seccomp filter refuses it.
bool query_by_ioctl(int maps, address where, mapped_range& found, std::error_code& ec) noexcept {
    procmap::query q{};
    q.size = sizeof q;
    q.query_flags = procmap::covering_or_next;
    q.query_addr = where;
    if (::ioctl(maps, procmap::request, &q) != 0) {
        ec = last_system_error();
        return ec.value() != ENOTTY && ec.value() != ENOSYS && ec.value() != EPERM && ec.value() != EACCES;
    }
    found.range = {q.vma_start, q.vma_end};
    found.read = (q.vma_flags & procmap::readable) != 0;
    found.write = (q.vma_flags & procmap::writable) != 0;
    found.execute = (q.vma_flags & procmap::executable) != 0;
    found.shared = (q.vma_flags & procmap::shared) != 0;
    found.backed_by_file = q.inode != 0;
    found.offset = q.vma_offset;
    ec.clear();
    return true;
}

int digit_of(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/// Reads a number up to `end_mark`; null if there is none.
const char* number(const char* at, const char* end, int base, char end_mark, std::uint64_t& value) noexcept {
    value = 0;
    const char* const first = at;
    for (; at < end; ++at) {
        const int digit = digit_of(*at);
        if (digit >= base) break;
        value = value * static_cast<unsigned>(base) + static_cast<unsigned>(digit);
    }
    return at != first && at < end && *at == end_mark ? at + 1 : nullptr;
}

/// "start-end rwxp offset major:minor inode name"; a line without sense is not a mapping.
bool parse(const char* at, const char* end, mapped_range& m) noexcept {
    std::uint64_t start = 0;
    std::uint64_t stop = 0;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    at = number(at, end, 16, '-', start);
    if (at != nullptr) at = number(at, end, 16, ' ', stop);
    if (at == nullptr || stop < start || end - at < 5) return false;
    m.range = {start, stop};
    m.read = at[0] == 'r';
    m.write = at[1] == 'w';
    m.execute = at[2] == 'x';
    m.shared = at[3] == 's';
    at = number(at + 5, end, 16, ' ', m.offset);
    if (at != nullptr) at = number(at, end, 16, ':', device);
    if (at != nullptr) at = number(at, end, 16, ' ', device);
    if (at == nullptr) return false;
    for (; at < end && *at >= '0' && *at <= '9'; ++at) inode |= static_cast<std::uint64_t>(*at - '0');
    m.backed_by_file = inode != 0;
    return true;
}

/// The first mapping of the text that ends above `where`.
std::error_code query_by_text(int maps, address where, mapped_range& found) noexcept {
    char buffer[8192];  // a line is at most a page and a little
    std::size_t have = 0;
    off_t offset = 0;
    bool any = false;
    for (;;) {
        const ssize_t got = ::pread(maps, buffer + have, sizeof buffer - have, offset);
        if (got < 0) return last_system_error();
        if (got == 0) return system_error_of(any ? ENOENT : ESRCH);
        any = true;
        offset += got;
        have += static_cast<std::size_t>(got);
        const char* line = buffer;
        const char* const end = buffer + have;
        while (const void* newline = std::memchr(line, '\n', static_cast<std::size_t>(end - line))) {
            const char* const stop = static_cast<const char*>(newline);
            if (parse(line, stop, found) && found.range.end() > where) return {};
            line = stop + 1;
        }
        have = static_cast<std::size_t>(end - line);
        if (have == sizeof buffer) have = 0;  // no line of this kernel: do without it
        std::memmove(buffer, line, have);
    }
}

}  // namespace

std::error_code query_mapping_at_or_above(int maps, address where, mapped_range& found) noexcept {
    std::error_code ec;
    if (query_by_ioctl(maps, where, found, ec)) return ec;
    return query_by_text(maps, where, found);
}

}  // namespace vmio
