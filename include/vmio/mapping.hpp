// SPDX-License-Identifier: BSL-1.0
/// One line of /proc/PID/maps: proc_pid_maps(5).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>

namespace vmio {

/// What the target itself may do there. Reading it from outside may fail nonetheless (guard pages, device memory), and
/// /proc/PID/mem may succeed where these forbid it.
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

/// A run of pages that are mapped from one thing with the same permissions.
struct mapping {
    address_range range;  ///< whole pages
    permissions perms;    ///< what the target may do there
    /// In the file, in bytes, of the range's start; whatever the kernel says where there is no file.
    std::uint64_t offset = 0;
    /// Of the file, which they name together; 0 where there is none. 0:x is a device as any other: tmpfs, overlay and
    /// btrfs have them.
    /// @{
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    std::uint64_t inode = 0;
    /// @}
    /// A path, or "[heap]", "[stack]", "[anon:...]" and the like, or nothing. Bytes, as the file system has them:
    /// spaces and newlines, and not always UTF-8. A path is one that this process would use; the target may see
    /// another.
    std::string name;
    /// The name leads to the file no more: unlinked, replaced, or a memory file (memfd_create(2)), which never had one.
    /// The kernel's " (deleted)" is not part of the name.
    bool deleted = false;

    /// Mapped from a file, even one without a name in any directory: shared anonymous memory is such a file.
    bool file_backed() const noexcept { return inode != 0; }

    friend bool operator==(const mapping&, const mapping&) noexcept = default;  ///< member by member
};

/// Returns: the mapping as a line of /proc/PID/maps, without padding and newline:
/// "7f1c2000-7f1c5000 r-xp 00001000 08:01 4711 /usr/lib/libc.so.6".
VMIO_EXPORT std::string to_string(const mapping& m);
/// Writes to_string().
VMIO_EXPORT std::ostream& operator<<(std::ostream&, const mapping&);

}  // namespace vmio
