// SPDX-License-Identifier: BSL-1.0
/// The file behind a mapping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

#include <vmio/detail/config.hpp>
#include <vmio/mapping.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// Why the file of a mapping cannot be used.
enum class file_refusal {
    none,
    no_file,        ///< anonymous memory, or a kernel object: [vdso], a device
    not_found,      ///< no accessible path refers to it: unlinked, or renamed
    no_permission,  ///< no permission to open it, or to access the target's directories
    replaced,       ///< another file has its name now
    not_regular,    ///< a device, a socket, a directory
    too_short,      ///< ends before the mapped part begins
    layered,        ///< on a lower layer of overlayfs, or copied from one: the mapping may show the other file
    may_stall,      ///< on FUSE or autofs, which may never respond: backing_file_options::may_stall
};

/// Returns: a description, such as "another file has its name now".
VMIO_EXPORT const char* description(file_refusal) noexcept;

/// Options for opening a backing_file.
struct backing_file_options {
    /// Open the file even if its file system is served by a program (FUSE) or an automounter (autofs): if that does not
    /// respond, the call blocks indefinitely, and even SIGKILL may fail to interrupt it.
    bool may_stall = false;
};

/// The file behind a mapping, opened for reading; a memory_reader whose addresses are file offsets. Copies are cheap
/// and share the descriptor; all members are thread-safe. A moved-from object is not open.
///
/// It is found by /proc/PID/map_files, which refers to the file itself, even if unlinked, but requires CAP_SYS_ADMIN or
/// CAP_CHECKPOINT_RESTORE (proc_pid_map_files(5)); else by its path in the target's root directory, which works from
/// outside of a container; else by its path in this process's root directory. The file must have the mapping's device,
/// inode and type, and at least its offset in bytes. That is checked before the file is opened for reading, so that no
/// other file is accessed, and again on the open file. Where stat(2) and maps disagree about the device (btrfs), paths
/// cannot be used. On overlayfs a mapping continues to show the lower file when a write has copied it up, and device
/// and inode remain: such files are refused.
///
/// Whether the file system may stall is read from the mount tables of the target and of this process, before any other
/// access. A file system that neither lists (unmounted lazily, or in another mount namespace) is not recognised.
///
/// **Races.** The file is shared: it may be written and truncated at any time. Pages of a private mapping that the
/// target has written are not in the file: page_map finds them.
class VMIO_EXPORT backing_file {
public:
    /// Opens the file of a mapping. If that is refused, operator bool is false and refusal() returns the reason.
    /// Errors: memory_error with ESRCH, the process has ended; EMFILE, ENFILE or ENOMEM, a limit of this process that
    /// is unrelated to the file.
    explicit backing_file(const process&, const mapping&, backing_file_options = {});

    /// Returns: whether the file is open. If not, only refusal() may be called.
    explicit operator bool() const noexcept { return state_ != nullptr; }
    /// Returns: the reason why the file is not open; none if it is.
    file_refusal refusal() const noexcept { return refusal_; }

    /// Returns: the current size in bytes, by fstat(2).
    std::uint64_t size() const;

    /// Reads bytes at `offset` by one pread(2); may be partial.
    /// Errors: EIO at and beyond the end, as for a page of a mapping there; those of pread(2).
    std::size_t read_some(address offset, std::span<std::byte> to, std::error_code& ec) const noexcept;

    /// Returns: the offset of the first data at or after `offset`, by lseek(2), SEEK_DATA; size() if there is none. The
    /// bytes from `offset` to there are zero.
    std::uint64_t next_data(std::uint64_t offset) const;

    /// Returns: the descriptor, which this object and its copies own.
    int descriptor() const noexcept;

private:
    struct state;

    file_refusal refusal_ = file_refusal::no_file;
    std::shared_ptr<const state> state_;
};

}  // namespace vmio
