// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string_view>

namespace vmio::detail {

/// What a file system's type says about its files.
enum class file_system_kind {
    unknown,    ///< the mount table does not list the device
    ordinary,   ///< a read ends, as far as the kernel and its devices can see to that
    kernel,     ///< sysfs, proc: regular files may be device memory
    may_stall,  ///< FUSE, autofs: a program answers, or never does; nothing ends the wait
};

/// By the name of a type, as in the mount table: "ext4", "fuse.sshfs".
file_system_kind kind_of_type(std::string_view type) noexcept;

/// Looks for a device in `mount_info`, a descriptor of /proc/PID/mountinfo: proc_pid_mountinfo(5). Asks no file system
/// anything. Does not allocate.
file_system_kind kind_of_device(int mount_info, std::uint32_t major, std::uint32_t minor) noexcept;

}  // namespace vmio::detail
