// SPDX-License-Identifier: BSL-1.0
#include "base/atomic_file_writer.hpp"

#include <cerrno>
#include <cstdio>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vmio/file_error.hpp>

#include "base/file_writing.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {

namespace fs = std::filesystem;

namespace {

std::string own_link(int fd) {
    return "/proc/thread-self/fd/" + std::to_string(fd);
}

/// An unnamed file in `directory`, which the kernel deletes when its descriptor closes, also after SIGKILL. No
/// descriptor where the file system has no O_TMPFILE, or where the file could not be linked later (no /proc).
file_descriptor new_nameless_file(int directory, mode_t mode) {
    file_descriptor file(sys::openat(directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode));
    return file && ::access(own_link(file.get()).c_str(), F_OK) == 0 ? std::move(file) : file_descriptor();
}

}  // namespace

atomic_file_writer::atomic_file_writer(const fs::path& path, const char* operation, mode_t mode, existing_file existing)
    : asked_(path), operation_(operation), existing_(existing) {
    const bool follows = existing == existing_file::replace;
    struct stat status;
    if ((follows ? ::stat(path.c_str(), &status) : ::lstat(path.c_str(), &status)) == 0) {
        if (S_ISLNK(status.st_mode))
            throw file_error(operation_, asked_, system_error_of(EINVAL), "it is a symbolic link");
        if (!S_ISREG(status.st_mode))
            throw file_error(operation_, asked_, system_error_of(EINVAL), "it is not a regular file");
        if (existing == existing_file::refuse) throw file_error(operation_, asked_, system_error_of(EEXIST));
        mode &= status.st_mode;  // no user gains access by the replacement
        replaces_ = true;
    } else if (const std::error_code ec = last_system_error(); ec.value() != ENOENT) {
        throw file_error(operation_, asked_, ec);  // fails before anything is written
    }
    find_place(path);
    file_ = new_nameless_file(directory_.get(), mode);
    if (!file_)
        take_temporary_name([&](const char* name) {
            file_ = file_descriptor(sys::openat(directory_.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
            return file_ ? std::error_code() : last_system_error();
        });
    if (replaces_) keep_group(status.st_gid);
}

void atomic_file_writer::find_place(const fs::path& path) {
    fs::path place = path;
    std::error_code ec;
    // The target of a symbolic link is replaced, not the link. stat(2) has excluded a loop.
    while (existing_ == existing_file::replace && fs::is_symlink(fs::symlink_status(place, ec))) {
        const fs::path next = fs::read_symlink(place, ec);
        if (ec) throw file_error(operation_, asked_, ec);
        place = place.parent_path() / next;
    }
    name_ = place.filename();
    if (name_.empty()) throw file_error(operation_, asked_, system_error_of(ENOENT));
    const fs::path parent = place.has_parent_path() ? place.parent_path() : ".";
    directory_ = file_descriptor(sys::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory_) throw file_error(operation_, asked_, last_system_error());
}

/// The permissions of the group apply to the old file's group, or are dropped.
void atomic_file_writer::keep_group(gid_t group) {
    struct stat status;
    if (::fstat(file_.get(), &status) != 0) throw file_error(operation_, asked_, last_system_error());
    if (status.st_gid == group || ::fchown(file_.get(), static_cast<uid_t>(-1), group) == 0) return;
    if (::fchmod(file_.get(), status.st_mode & 0707) != 0) throw file_error(operation_, asked_, last_system_error());
}

atomic_file_writer::~atomic_file_writer() {
    if (!temporary_.empty()) ::unlinkat(directory_.get(), temporary_.c_str(), 0);
}

/// Calls take(name), which returns an error_code, until it finds a free name. The name is short, since the final one
/// may have NAME_MAX bytes.
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
    if (const std::error_code ec = write_whole(file_.get(), offset, bytes)) throw file_error(operation_, asked_, ec);
}

void atomic_file_writer::set_size(std::uint64_t size) {
    if (const std::error_code ec = set_file_size(file_.get(), size)) throw file_error(operation_, asked_, ec);
}

void atomic_file_writer::put_in_place() {
    // A file system may commit the new name before the new bytes; a power failure would then lose both files.
    if (replaces_ && sys::fdatasync(file_.get()) != 0) throw file_error(operation_, asked_, last_system_error());
    if (existing_ == existing_file::refuse) return give_new_name();
    // linkat(2) does not replace an existing file; renameat(2) does.
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

/// A name that no file has.
void atomic_file_writer::give_new_name() {
    const std::string link = own_link(file_.get());
    int done = -1;
    if (temporary_.empty()) {
        done = ::linkat(AT_FDCWD, link.c_str(), directory_.get(), name_.c_str(), AT_SYMLINK_FOLLOW);
    } else {
        done = ::renameat2(directory_.get(), temporary_.c_str(), directory_.get(), name_.c_str(), RENAME_NOREPLACE);
        if (done == 0) return temporary_.clear();
        // A file system may not know that; the temporary name is then removed by the destructor.
        if (last_system_error().value() == EINVAL)
            done = ::linkat(directory_.get(), temporary_.c_str(), directory_.get(), name_.c_str(), 0);
    }
    if (done != 0) throw file_error(operation_, asked_, last_system_error());
}

}  // namespace vmio::detail
