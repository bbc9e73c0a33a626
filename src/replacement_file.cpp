// SPDX-License-Identifier: BSL-1.0
#include "replacement_file.hpp"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vmio/file_error.hpp>

#include "system_error.hpp"

namespace vmio {

replacement_file::replacement_file(const char* operation, const std::filesystem::path& path, mode_t mode)
    : operation_(operation), asked_(path), path_(path) {
    struct stat status;
    if (::stat(path.c_str(), &status) == 0) {
        if (!S_ISREG(status.st_mode))
            throw file_error(operation_, asked_, system_error_of(EINVAL), "it is not a regular file");
        std::error_code ec;
        path_ = std::filesystem::canonical(path, ec);
        if (ec) throw file_error(operation_, asked_, ec);
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

replacement_file::~replacement_file() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void replacement_file::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t done = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (done < 0 && last_system_error().value() == EINTR) continue;
        if (done <= 0) throw file_error(operation_, asked_, done < 0 ? last_system_error() : system_error_of(EIO));
        bytes = bytes.subspan(static_cast<std::size_t>(done));
        offset += static_cast<std::uint64_t>(done);
    }
}

void replacement_file::set_size(std::uint64_t size) {
    if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0)
        throw file_error(operation_, asked_, last_system_error());
}

void replacement_file::put_in_place() {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw file_error(operation_, asked_, last_system_error());
    temporary_.clear();
}

}  // namespace vmio
