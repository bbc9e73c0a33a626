// SPDX-License-Identifier: BSL-1.0
#include <vmio/backing_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <limits>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <vmio/error.hpp>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "maps/file_kind.hpp"
#include "proc/map_files_link.hpp"

namespace vmio {

struct VMIO_HIDDEN backing_file::state {
    detail::file_descriptor file;
};

namespace {

constexpr address most_offset = std::numeric_limits<off_t>::max();

/// The numbers that must agree for a file found by a path.
enum class identity { by_inode, by_device_and_inode };

file_refusal refusal_of(const struct stat& status, const mapping& m, identity how) noexcept {
    if (how == identity::by_device_and_inode && status.st_dev != ::makedev(m.device_major, m.device_minor))
        return file_refusal::replaced;
    if (status.st_ino != m.inode) return file_refusal::replaced;
    if (!S_ISREG(status.st_mode)) return file_refusal::not_regular;
    return static_cast<std::uint64_t>(status.st_size) > m.offset ? file_refusal::none : file_refusal::too_short;
}

/// Returns: whether the file was created on the upper layer of overlayfs, by the flags of its handle (Linux 6.6).
bool is_made_above(int file) noexcept {
    constexpr int identity_only = 0x200;  // AT_HANDLE_FID; the installed headers may be older than the kernel
    constexpr int overlay_handle = 0xf8;
    constexpr unsigned char magic = 0xfb;
    constexpr unsigned char of_upper_layer = 4;
    alignas(::file_handle) unsigned char room[sizeof(::file_handle) + MAX_HANDLE_SZ]{};
    auto* const handle = reinterpret_cast<::file_handle*>(room);
    handle->handle_bytes = MAX_HANDLE_SZ;
    int mount = 0;
    if (::name_to_handle_at(file, "", handle, &mount, AT_EMPTY_PATH | identity_only) != 0) return false;
    const unsigned char* const content = room + sizeof(::file_handle);  // after padding: version, magic, size, flags
    return handle->handle_type == overlay_handle && handle->handle_bytes > 6 && content[3] == 0 &&
           content[4] == magic && (content[6] & of_upper_layer) != 0;
}

/// Returns: whether the file may be a copy of the mapped one: device and inode remain when overlayfs copies a file up,
/// and the mapping continues to show the lower one.
bool is_layered(int file) noexcept {
    struct statfs where {};
    return ::fstatfs(file, &where) == 0 && where.f_type == OVERLAYFS_SUPER_MAGIC && !is_made_above(file);
}

/// Returns: the refusal for the current errno. Throws if the error is unrelated to the file.
file_refusal refusal_of_opening(const process& target, const mapping& m) {
    const std::error_code ec = detail::last_system_error();
    if (detail::is_exhaustion(ec)) throw memory_error("open of a mapping's file", target.id(), m.range.start(), ec);
    return ec.value() == EACCES || ec.value() == EPERM ? file_refusal::no_permission : file_refusal::not_found;
}

/// Checks the file first, by an O_PATH descriptor, and then opens that very file.
file_refusal open_at(const process& target, const mapping& m, int directory, const char* path, identity how,
                     detail::file_descriptor& file) {
    const detail::file_descriptor place(
        detail::sys::openat(directory, path, O_PATH | O_CLOEXEC | (how == identity::by_inode ? 0 : O_NOFOLLOW)));
    struct stat status {};
    if (!place || ::fstat(place.get(), &status) != 0) return refusal_of_opening(target, m);
    if (const file_refusal refusal = refusal_of(status, m, how); refusal != file_refusal::none) return refusal;
    if (is_layered(place.get())) return file_refusal::layered;
    char link[48];
    std::snprintf(link, sizeof link, "/proc/thread-self/fd/%d", place.get());
    detail::file_descriptor opened(detail::sys::open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!opened || ::fstat(opened.get(), &status) != 0) return refusal_of_opening(target, m);
    const file_refusal refusal = refusal_of(status, m, how);
    if (refusal == file_refusal::none) file = std::move(opened);
    return refusal;
}

file_refusal open_map_file(const process& target, const mapping& m, detail::file_descriptor& file) {
    return open_at(target, m, target.proc_directory(), detail::map_files_link(m).path, identity::by_inode, file);
}

/// Opens the file by its path in the target's root directory, else in this process's.
file_refusal open_path(const process& target, const mapping& m, detail::file_descriptor& file) {
    if (!m.name.starts_with('/')) return file_refusal::not_found;
    file_refusal refusal = file_refusal::not_found;
    const detail::file_descriptor root(
        detail::sys::openat(target.proc_directory(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (root)
        refusal = open_at(target, m, root.get(), m.name.c_str() + 1, identity::by_device_and_inode, file);
    else
        refusal = refusal_of_opening(target, m);
    if (refusal == file_refusal::none) return refusal;
    const file_refusal ours = open_at(target, m, AT_FDCWD, m.name.c_str(), identity::by_device_and_inode, file);
    return ours == file_refusal::none || refusal == file_refusal::not_found ? ours : refusal;
}

}  // namespace

const char* description(file_refusal refusal) noexcept {
    switch (refusal) {
        case file_refusal::none: return "it can be used";
        case file_refusal::no_file: return "the mapping has no file";
        case file_refusal::not_found: return "no path leads to it";
        case file_refusal::no_permission: return "this process may not open it";
        case file_refusal::replaced: return "another file has its name now";
        case file_refusal::not_regular: return "it is not a regular file";
        case file_refusal::too_short: return "it ends before the part that is mapped";
        case file_refusal::may_stall: return "its file system, such as FUSE, may never answer";
        case file_refusal::layered: return "it is on overlayfs, and may be a copy of what is mapped";
    }
    return "unknown";
}

backing_file::backing_file(const process& target, const mapping& m, backing_file_options options) {
    if (!m.file_backed()) return;
    if (!options.may_stall && detail::file_system_of(target, m) == detail::file_system_kind::may_stall) {
        refusal_ = file_refusal::may_stall;
        return;
    }
    detail::file_descriptor file;
    refusal_ = open_map_file(target, m, file);
    const bool settled = refusal_ == file_refusal::none || refusal_ == file_refusal::not_regular ||
                         refusal_ == file_refusal::too_short || refusal_ == file_refusal::layered;
    if (!settled) refusal_ = open_path(target, m, file);
    if (!target.alive())
        throw memory_error("open of a mapping's file", target.id(), m.range.start(), detail::system_error_of(ESRCH));
    if (file) state_ = std::make_shared<const state>(state{std::move(file)});
}

int backing_file::descriptor() const noexcept {
    return state_ ? state_->file.get() : -1;
}

std::uint64_t backing_file::size() const {
    struct stat status {};
    if (::fstat(descriptor(), &status) != 0) throw memory_error("fstat", 0, 0, detail::last_system_error());
    return static_cast<std::uint64_t>(status.st_size);
}

std::uint64_t backing_file::next_data(std::uint64_t offset) const {
    if (offset > most_offset) return size();  // EINVAL to lseek(2)
    const off_t data = ::lseek(descriptor(), static_cast<off_t>(offset), SEEK_DATA);
    if (data >= 0) return static_cast<std::uint64_t>(data);
    const std::error_code ec = detail::last_system_error();
    return ec.value() == ENXIO ? size() : offset;  // else the file system does not report holes
}

std::size_t backing_file::read_some(address offset, std::span<std::byte> to, std::error_code& ec) const noexcept {
    ec.clear();
    if (to.empty()) return 0;
    if (offset >= most_offset) {  // EINVAL to pread(2), as a range that passes it
        ec = detail::system_error_of(EIO);
        return 0;
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), most_offset - offset));
    const ssize_t got = detail::sys::pread(descriptor(), to.data(), size, static_cast<off_t>(offset));
    if (got > 0) return static_cast<std::size_t>(got);
    ec = got < 0 ? detail::last_system_error() : detail::system_error_of(EIO);
    return 0;
}

}  // namespace vmio
