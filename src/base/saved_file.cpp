// SPDX-License-Identifier: BSL-1.0
#include "base/saved_file.hpp"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vmio/file_error.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {

namespace fs = std::filesystem;

namespace {

std::string own_link(int fd) {
    return "/proc/thread-self/fd/" + std::to_string(fd);
}

/// A file in `directory` that has no name yet and goes with its descriptor, however we end; none where the file system
/// has no such files, or where nothing could give it a name later.
file_descriptor new_nameless_file(int directory, mode_t mode) {
    file_descriptor file(sys::openat(directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode));
    return file && ::access(own_link(file.get()).c_str(), F_OK) == 0 ? std::move(file) : file_descriptor();
}

}  // namespace

atomic_file_writer::atomic_file_writer(const fs::path& path, const char* operation, mode_t mode)
    : asked_(path), operation_(operation) {
    struct stat status;
    if (::stat(path.c_str(), &status) == 0) {
        if (!S_ISREG(status.st_mode))
            throw file_error(operation_, asked_, system_error_of(EINVAL), "it is not a regular file");
        mode &= status.st_mode;  // who could not read the old one shall not read the new one
        replaces_ = true;
    } else if (const std::error_code ec = last_system_error(); ec.value() != ENOENT) {
        throw file_error(operation_, asked_, ec);  // not when all is written
    }
    fs::path place = path;
    std::error_code ec;
    // What a link points to is replaced, not the link. That they end was seen above.
    while (fs::is_symlink(fs::symlink_status(place, ec))) {
        const fs::path next = fs::read_symlink(place, ec);
        if (ec) throw file_error(operation_, asked_, ec);
        place = place.parent_path() / next;
    }
    name_ = place.filename();
    if (name_.empty()) throw file_error(operation_, asked_, system_error_of(ENOENT));
    const fs::path parent = place.has_parent_path() ? place.parent_path() : ".";
    directory_ = file_descriptor(sys::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory_) throw file_error(operation_, asked_, last_system_error());
    file_ = new_nameless_file(directory_.get(), mode);
    if (!file_)
        take_temporary_name([&](const char* name) {
            file_ = file_descriptor(sys::openat(directory_.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
            return file_ ? std::error_code() : last_system_error();
        });
    if (replaces_) keep_group(status.st_gid);
}

/// What its bits for the group allow, they allow to the old file's group or to none.
void atomic_file_writer::keep_group(gid_t group) {
    struct stat status;
    if (::fstat(file_.get(), &status) != 0) throw file_error(operation_, asked_, last_system_error());
    if (status.st_gid == group || ::fchown(file_.get(), static_cast<uid_t>(-1), group) == 0) return;
    if (::fchmod(file_.get(), status.st_mode & 0707) != 0) throw file_error(operation_, asked_, last_system_error());
}

atomic_file_writer::~atomic_file_writer() {
    if (!temporary_.empty()) ::unlinkat(directory_.get(), temporary_.c_str(), 0);
}

/// One that take(name), which returns an error_code, has taken. Short: the final name may be as long as a name can be.
template <class F>
void atomic_file_writer::take_temporary_name(F&& take) {
    for (unsigned i = 0;; ++i) {
        std::string name = ".vmio-" + std::to_string(::getpid()) + "-" + std::to_string(i);
        const std::error_code ec = take(name.c_str());
        if (!ec) return temporary_.swap(name);
        if (ec.value() != EEXIST) throw file_error(operation_, asked_, ec);
    }
}

void atomic_file_writer::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t done = sys::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        const std::error_code ec = done < 0 ? last_system_error() : system_error_of(EIO);
        if (done < 0 && ec.value() == EINTR) continue;
        if (done <= 0) throw file_error(operation_, asked_, ec);
        bytes = bytes.subspan(static_cast<std::size_t>(done));
        offset += static_cast<std::uint64_t>(done);
    }
}

void atomic_file_writer::set_size(std::uint64_t size) {
    if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0)
        throw file_error(operation_, asked_, last_system_error());
}

void atomic_file_writer::put_in_place() {
    // A file system may remember the new name before the new bytes, and after a power cut there would be neither file.
    if (replaces_ && sys::fdatasync(file_.get()) != 0) throw file_error(operation_, asked_, last_system_error());
    // No link(2) replaces what is there.
    const std::string link = own_link(file_.get());
    if (temporary_.empty())
        take_temporary_name([&](const char* name) {
            const int done = ::linkat(AT_FDCWD, link.c_str(), directory_.get(), name, AT_SYMLINK_FOLLOW);
            return done == 0 ? std::error_code() : last_system_error();
        });
    if (::renameat(directory_.get(), temporary_.c_str(), directory_.get(), name_.c_str()) != 0)
        throw file_error(operation_, asked_, last_system_error());
    temporary_.clear();
}

saved_file::saved_file(const fs::path& path, const char* operation)
    : path_(path), operation_(operation), file_(sys::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) {
    struct stat status;
    if (!file_ || ::fstat(file_.get(), &status) != 0) throw file_error(operation_, path_, last_system_error());
    if (!S_ISREG(status.st_mode)) fail(EINVAL, "it is not a regular file");
    left_ = static_cast<std::uint64_t>(status.st_size);
}

void saved_file::read(std::span<std::byte> to) {
    if (to.size() > left_) fail(EBADMSG, "its end is missing");
    left_ -= to.size();
    while (!to.empty()) {
        const ssize_t got = sys::read(file_.get(), to.data(), to.size());
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

}  // namespace vmio::detail
