// SPDX-License-Identifier: BSL-1.0
#include "core/core_source.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vmio/file_error.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {
namespace {

constexpr const char* opening = "open of core file";

}  // namespace

// O_NONBLOCK: a fifo is refused, not waited for.
core_source::core_source(const std::filesystem::path& path)
    : path_(path), file_(sys::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) {
    struct stat status;
    if (!file_ || ::fstat(file_.get(), &status) != 0) throw file_error(opening, path_, last_system_error());
    if (!S_ISREG(status.st_mode)) fail(EINVAL, "it is not a regular file");
    size_ = static_cast<std::uint64_t>(status.st_size);
}

bool core_source::read(std::uint64_t offset, std::span<std::byte> to) const {
    if (!holds(offset, to.size())) return false;
    while (!to.empty()) {
        const ssize_t got = sys::pread(file_.get(), to.data(), to.size(), static_cast<off_t>(offset));
        if (got < 0 && last_system_error().value() == EINTR) continue;
        if (got < 0) throw file_error(opening, path_, last_system_error());
        if (got == 0) return false;
        offset += static_cast<std::uint64_t>(got);
        to = to.subspan(static_cast<std::size_t>(got));
    }
    return true;
}

void core_source::fail(int code, const char* problem) const {
    throw file_error(opening, path_, system_error_of(code), problem);
}

}  // namespace vmio::detail
