// SPDX-License-Identifier: BSL-1.0
#include "saved_file.hpp"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vmio/file_error.hpp>

#include "system_error.hpp"

namespace vmio {

namespace fs = std::filesystem;

file_replacement::file_replacement(const fs::path& path, const char* operation, mode_t mode)
    : asked_(path), operation_(operation), path_(path) {
    // What a link points to is replaced, not the link.
    struct stat status;
    if (::stat(path.c_str(), &status) == 0) {
        if (!S_ISREG(status.st_mode))
            throw file_error(operation_, asked_, system_error_of(EINVAL), "it is not a regular file");
        std::error_code ec;
        path_ = fs::canonical(path, ec);
        if (ec) throw file_error(operation_, asked_, ec);
        mode &= status.st_mode;  // who could not read the old one shall not read the new one
    }
    for (unsigned i = 0;; ++i) {
        temporary_ = path_;
        temporary_ += ".partial-" + std::to_string(::getpid()) + "-" + std::to_string(i);
        file_ = file_descriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
        if (file_) return;
        if (const std::error_code ec = last_system_error(); ec.value() != EEXIST)
            throw file_error(operation_, asked_, ec);
    }
}

file_replacement::~file_replacement() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void file_replacement::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t done = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        const std::error_code ec = done < 0 ? last_system_error() : system_error_of(EIO);
        if (done < 0 && ec.value() == EINTR) continue;
        if (done <= 0) throw file_error(operation_, asked_, ec);
        bytes = bytes.subspan(static_cast<std::size_t>(done));
        offset += static_cast<std::uint64_t>(done);
    }
}

void file_replacement::set_size(std::uint64_t size) {
    if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0)
        throw file_error(operation_, asked_, last_system_error());
}

void file_replacement::put_in_place() {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw file_error(operation_, asked_, last_system_error());
    temporary_.clear();
}

saved_file::saved_file(const fs::path& path, const char* operation)
    : path_(path), operation_(operation), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    struct stat status;
    if (!file_ || ::fstat(file_.get(), &status) != 0) throw file_error(operation_, path_, last_system_error());
    if (!S_ISREG(status.st_mode)) fail(EINVAL, "it is not a regular file");
    left_ = static_cast<std::uint64_t>(status.st_size);
}

void saved_file::read(std::span<std::byte> to) {
    if (to.size() > left_) fail(EBADMSG, "its end is missing");
    left_ -= to.size();
    while (!to.empty()) {
        const ssize_t got = ::read(file_.get(), to.data(), to.size());
        const std::error_code ec = got < 0 ? last_system_error() : std::error_code();
        if (ec.value() == EINTR) continue;
        if (ec) throw file_error(operation_, path_, ec);
        if (got == 0) fail(EBADMSG, "its end is missing");
        to = to.subspan(static_cast<std::size_t>(got));
    }
}

void saved_file::fail(int code, const char* problem) const {
    throw file_error(operation_, path_, system_error_of(code), problem);
}

}  // namespace vmio
