// SPDX-License-Identifier: BSL-1.0
#include "base/input_file.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <vmio/file_error.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {

std::size_t read_file_some(int fd, std::uint64_t offset, std::span<std::byte> to, std::error_code& ec) noexcept {
    for (;;) {
        const ssize_t got = sys::pread(fd, to.data(), to.size(), static_cast<off_t>(offset));
        ec = got < 0 ? last_system_error() : std::error_code();
        if (ec.value() != EINTR) return got < 0 ? 0 : static_cast<std::size_t>(got);
    }
}

// O_NONBLOCK: opening a FIFO would wait for a writer.
input_file::input_file(const std::filesystem::path& path, const char* operation)
    : path_(path), operation_(operation), file_(sys::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) {
    struct stat status;
    if (!file_ || ::fstat(file_.get(), &status) != 0) throw file_error(operation_, path_, last_system_error());
    if (!S_ISREG(status.st_mode)) fail(EINVAL, "it is not a regular file");
    stored_size_ = size_ = static_cast<std::uint64_t>(status.st_size);
}

input_file::input_file(const input_file& packed, std::shared_ptr<const byte_source> content, std::uint64_t size)
    : path_(packed.path_),
      operation_(packed.operation_),
      content_(std::move(content)),
      stored_size_(packed.stored_size_),
      size_(size) {}

input_file input_file::with_content(std::shared_ptr<const byte_source> content, std::uint64_t size) const {
    return {*this, std::move(content), size};
}

std::shared_ptr<const byte_source> input_file::take_content() {
    return content_ ? std::move(content_) : std::make_shared<const file_source>(std::move(file_));
}

bool input_file::read(std::uint64_t offset, std::span<std::byte> to) const {
    if (!holds(offset, to.size())) return false;
    while (!to.empty()) {
        std::error_code ec;
        const std::size_t got =
            content_ ? content_->read_some(offset, to, ec) : read_file_some(file_.get(), offset, to, ec);
        if (ec) throw file_error(operation_, path_, ec);
        if (got == 0) return false;  // the file was truncated
        offset += got;
        to = to.subspan(got);
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
