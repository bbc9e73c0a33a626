// SPDX-License-Identifier: BSL-1.0
/// A line of /proc/PID/maps: proc_pid_maps(5).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>

namespace vmio {

/// The target's own permissions on a mapping. A read from another process may fail in spite of them (guard pages,
/// device memory), and one by /proc/PID/mem may succeed where they forbid it.
struct permissions {
    bool read = false;     ///< PROT_READ of mmap(2)
    bool write = false;    ///< PROT_WRITE
    bool execute = false;  ///< PROT_EXEC
    bool shared = false;   ///< writes reach the file, or the other processes that map it

    friend bool operator==(const permissions&, const permissions&) noexcept = default;  ///< member by member
};

/// Returns: the permissions as the kernel writes them: "rw-p".
inline std::string to_string(const permissions& p) {
    return {p.read ? 'r' : '-', p.write ? 'w' : '-', p.execute ? 'x' : '-', p.shared ? 's' : 'p'};
}
/// Writes to_string().
VMIO_EXPORT std::ostream& operator<<(std::ostream&, const permissions&);

/// A mapping (VMA): neighbouring pages of one file, or of none, with the same permissions.
struct mapping {
    address_range range;  ///< whole pages
    permissions perms;    ///< the target's own permissions
    /// File offset of the start of the range, in bytes; meaningless without a file.
    std::uint64_t offset = 0;
    /// Device and inode of the file; 0 without a file. A major number of 0 is valid: tmpfs, overlayfs and btrfs use it.
    /// @{
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    std::uint64_t inode = 0;
    /// @}
    /// A path, or "[heap]", "[stack]", "[anon:...]" and the like, or empty. The unescaped bytes, which may contain
    /// spaces and newlines and need not be UTF-8. A path is as seen by this process; it may differ in the target.
    std::string name;
    /// The name no longer refers to the file (unlinked or replaced), or never did (a file of memfd_create(2)). The
    /// kernel's " (deleted)" is not part of the name.
    bool deleted = false;

    /// Returns: whether the mapping has a file. True for shared anonymous memory, whose file has no directory entry.
    bool file_backed() const noexcept { return inode != 0; }

    friend bool operator==(const mapping&, const mapping&) noexcept = default;  ///< member by member
};

/// Returns: the mapping as a line of /proc/PID/maps, without padding and newline:
/// "7f1c2000-7f1c5000 r-xp 00001000 08:01 4711 /usr/lib/libc.so.6".
VMIO_EXPORT std::string to_string(const mapping& m);
/// Writes to_string().
VMIO_EXPORT std::ostream& operator<<(std::ostream&, const mapping&);

}  // namespace vmio
