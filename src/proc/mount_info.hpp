// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string_view>

namespace vmio::detail {

/// Properties of files by the type of their file system.
enum class file_system_kind {
    unknown,    ///< the mount table does not list the device
    ordinary,   ///< a read terminates, if the kernel and its devices work
    kernel,     ///< sysfs, proc: regular files may be device memory
    may_stall,  ///< FUSE, autofs: served by a program that may never respond; the wait cannot be interrupted
};

/// Classifies the name of a type, as in the mount table: "ext4", "fuse.sshfs".
file_system_kind kind_of_type(std::string_view type) noexcept;

/// Looks for a device in `mount_info`, a descriptor of /proc/PID/mountinfo: proc_pid_mountinfo(5). Does not access any
/// file system. Does not allocate.
file_system_kind kind_of_device(int mount_info, std::uint32_t major, std::uint32_t minor) noexcept;

}  // namespace vmio::detail
