// SPDX-License-Identifier: BSL-1.0
#include "maps/file_kind.hpp"

#include <cstdint>
#include <ctime>

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

file_system_kind look_up(const process& target, const mapping& m) noexcept {
    const file_descriptor theirs(sys::openat(target.proc_directory(), "mountinfo", O_RDONLY | O_CLOEXEC));
    const file_system_kind kind = kind_of_device(theirs.get(), m.device_major, m.device_minor);
    if (kind != file_system_kind::unknown) return kind;
    // A target with its own root directory does not list mounts outside of it.
    const file_descriptor ours(sys::open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC));
    return kind_of_device(ours.get(), m.device_major, m.device_minor);
}

/// The last answer that a thread was given. It is used again for a moment only: a number may later be another device's.
struct recent_answer {
    static constexpr std::int64_t valid_milliseconds = 100;

    int directory = -1;
    pid_t target = 0;
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    std::int64_t at = -valid_milliseconds;
    file_system_kind kind = file_system_kind::unknown;
};

std::int64_t coarse_milliseconds() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

file_system_kind file_system_of(const process& target, const mapping& m) noexcept {
    if (!m.file_backed()) return file_system_kind::unknown;
    if (is_memory_file(m)) return file_system_kind::ordinary;
    // Most mappings of a walk are of files on one device, which keeps its number while they are mapped.
    static thread_local constinit recent_answer recent;
    const std::int64_t now = coarse_milliseconds();
    const bool known = recent.directory == target.proc_directory() && recent.target == target.id() &&
                       recent.device_major == m.device_major && recent.device_minor == m.device_minor &&
                       now - recent.at < recent_answer::valid_milliseconds;
    if (!known)
        recent = {target.proc_directory(), target.id(), m.device_major, m.device_minor, now, look_up(target, m)};
    return recent.kind;
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
