// SPDX-License-Identifier: BSL-1.0
#include "base/input_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vmio/file_error.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {

// O_NONBLOCK: opening a FIFO would wait for a writer.
input_file::input_file(const std::filesystem::path& path, const char* operation)
    : path_(path), operation_(operation), file_(sys::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) {
    struct stat status;
    if (!file_ || ::fstat(file_.get(), &status) != 0) throw file_error(operation_, path_, last_system_error());
    if (!S_ISREG(status.st_mode)) fail(EINVAL, "it is not a regular file");
    size_ = static_cast<std::uint64_t>(status.st_size);
}

bool input_file::read(std::uint64_t offset, std::span<std::byte> to) const {
    if (!holds(offset, to.size())) return false;
    while (!to.empty()) {
        const ssize_t got = sys::pread(file_.get(), to.data(), to.size(), static_cast<off_t>(offset));
        const std::error_code ec = got < 0 ? last_system_error() : std::error_code();
        if (ec.value() == EINTR) continue;
        if (ec) throw file_error(operation_, path_, ec);
        if (got == 0) return false;  // the file was truncated
        offset += static_cast<std::uint64_t>(got);
        to = to.subspan(static_cast<std::size_t>(got));
    }
    return true;
}

void input_file::read_next(std::span<std::byte> to) {
    if (!read(next_, to)) fail(EBADMSG, "its end is missing");
    next_ += to.size();
}

void input_file::fail(int code, const char* problem) const {
    throw file_error(operation_, path_, system_error_of(code), problem);
}

}  // namespace vmio::detail
