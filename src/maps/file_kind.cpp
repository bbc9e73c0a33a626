// SPDX-License-Identifier: BSL-1.0
#include "maps/file_kind.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "proc/map_files_link.hpp"

namespace vmio::detail {
namespace {

/// Reads the status of the file at `path`; cached values are sufficient.
bool is_regular(int directory, const char* path, int flags, const mapping& m, bool by_device) noexcept {
    struct statx status {};
    if (::statx(directory, path, flags | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &status) != 0)
        return false;
    if (by_device && (status.stx_dev_major != m.device_major || status.stx_dev_minor != m.device_minor)) return false;
    return status.stx_ino == m.inode && S_ISREG(status.stx_mode);
}

/// The device of files that are memory (memfd_create(2), shared anonymous and System V memory), which no mount table
/// lists. It is the same for all of them until reboot.
bool is_memory_file(const mapping& m) noexcept {
    static const dev_t device = [] {
        const file_descriptor file(::memfd_create("device", MFD_CLOEXEC));
        struct stat status {};
        return file && ::fstat(file.get(), &status) == 0 ? status.st_dev : dev_t{};
    }();
    return device != 0 && device == ::makedev(m.device_major, m.device_minor);
}

}  // namespace

file_system_kind file_system_of(const process& target, const mapping& m) noexcept {
    if (!m.file_backed()) return file_system_kind::unknown;
    if (is_memory_file(m)) return file_system_kind::ordinary;
    const file_descriptor theirs(sys::openat(target.proc_directory(), "mountinfo", O_RDONLY | O_CLOEXEC));
    const file_system_kind kind = kind_of_device(theirs.get(), m.device_major, m.device_minor);
    if (kind != file_system_kind::unknown) return kind;
    // A target with its own root directory does not list mounts outside of it.
    const file_descriptor ours(sys::open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC));
    return kind_of_device(ours.get(), m.device_major, m.device_minor);
}

bool shows_regular_file(const process& target, const mapping& m) noexcept {
    if (!m.file_backed()) return false;
    const file_system_kind kind = file_system_of(target, m);
    if (kind == file_system_kind::kernel || kind == file_system_kind::may_stall) return false;
    if (is_regular(target.proc_directory(), map_files_link(m).path, 0, m, false)) return true;
    if (!m.name.starts_with('/')) return false;
    const file_descriptor root(sys::openat(target.proc_directory(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
    return (root && is_regular(root.get(), m.name.c_str() + 1, AT_SYMLINK_NOFOLLOW, m, true)) ||
           is_regular(AT_FDCWD, m.name.c_str(), AT_SYMLINK_NOFOLLOW, m, true);
}

}  // namespace vmio::detail
