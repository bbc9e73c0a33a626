// SPDX-License-Identifier: BSL-1.0
#include "snapshot/copy_file.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_writing.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "snapshot/sealed_memfd.hpp"

namespace vmio::detail {
namespace {

constexpr std::size_t buffer_size = std::size_t{1} << 18;

std::error_code failure(const std::error_code& ec) {
    return ec.value() == ENOSPC ? system_error_of(ENOMEM) : ec;  // a memfd reports lack of memory as ENOSPC
}

/// pread(2), or read(2) if `offset` is negative; restarts after EINTR.
ssize_t read_at(int from, std::vector<std::byte>& to, off_t offset) {
    for (;;) {
        const ssize_t got =
            offset < 0 ? sys::read(from, to.data(), to.size()) : sys::pread(from, to.data(), to.size(), offset);
        if (got >= 0 || last_system_error().value() != EINTR) return got;
    }
}

/// For files that do not support sendfile(2). Offsets in `to` are those in `from` minus `shift`.
std::error_code copy_by_reading(int from, int to, off_t at, off_t end, off_t shift) {
    std::vector<std::byte> buffer;
    while (at < end) {
        buffer.resize(static_cast<std::size_t>(std::min<off_t>(buffer_size, end - at)));
        const ssize_t got = read_at(from, buffer, at);
        if (got < 0) return last_system_error();
        if (got == 0) return system_error_of(ENODATA);
        write_all(to, static_cast<std::uint64_t>(at - shift), {buffer.data(), static_cast<std::size_t>(got)});
        at += got;
    }
    return {};
}

std::uint64_t read_to_end(int from, int to, std::error_code& ec) {
    std::vector<std::byte> buffer(buffer_size);
    for (std::uint64_t done = 0;;) {
        const ssize_t got = read_at(from, buffer, -1);
        if (got < 0) ec = last_system_error();
        if (got <= 0) return done;
        write_all(to, done, {buffer.data(), static_cast<std::size_t>(got)});
        done += static_cast<std::uint64_t>(got);
    }
}

}  // namespace

std::error_code copy_part(int from, int to, const address_range& part, std::uint64_t start) {
    const auto shift = static_cast<off_t>(start);
    auto at = static_cast<off_t>(part.start()) + shift;
    const auto end = static_cast<off_t>(part.end()) + shift;
    if (::lseek(to, at - shift, SEEK_SET) < 0) return last_system_error();
    file_size_signal_blocked guard;
    while (at < end) {
        const ssize_t done = ::sendfile(to, from, &at, static_cast<std::size_t>(end - at));
        if (done > 0) continue;
        if (done == 0) return system_error_of(ENODATA);
        const std::error_code ec = failure(last_system_error());
        guard.failed(ec);
        if (ec.value() == EINVAL || ec.value() == ENOSYS) return copy_by_reading(from, to, at, end, shift);
        if (ec.value() != EINTR) return ec;
    }
    return {};
}

std::uint64_t copy_whole(int from, int to, std::error_code& ec) {
    ec.clear();
    struct stat status;
    const auto look = [&] {
        if (::fstat(from, &status) != 0) ec = last_system_error();
        return !ec;
    };
    if (!look()) return 0;
    if (S_ISDIR(status.st_mode)) ec = system_error_of(EISDIR);
    if (S_ISCHR(status.st_mode)) ec = system_error_of(EINVAL);  // some, such as /dev/zero, have no end
    if (ec) return 0;
    if (!S_ISREG(status.st_mode) || status.st_size == 0) return read_to_end(from, to, ec);

    const off_t size = status.st_size;
    std::error_code why;
    ec = failure(set_file_size(to, static_cast<std::uint64_t>(size)));
    if (ec) return 0;
    for (const address_range& e : data_extents(from, static_cast<std::uint64_t>(size)))
        if (!why) why = copy_part(from, to, e);
    if (why && why.value() != ENODATA) return ec = why, 0;
    if (!look()) return 0;
    // A truncation during the copy can look like a hole at the end of the file.
    if (status.st_size < size) return ec = system_error_of(ENODATA), 0;
    if (!why) return static_cast<std::uint64_t>(size);
    // The file ends before its reported size, as files in /sys do.
    ec = set_file_size(to, 0);
    if (!ec && ::lseek(from, 0, SEEK_SET) != 0) ec = last_system_error();
    if (ec) return 0;
    return read_to_end(from, to, ec);
}

}  // namespace vmio::detail
