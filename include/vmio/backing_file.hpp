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
    no_file,        ///< anonymous memory, or something of the kernel: [vdso], a device
    not_found,      ///< no path that we may follow leads to it: unlinked, or renamed
    no_permission,  ///< we may not open it, or not see the target's directories
    replaced,       ///< another file has its name now
    not_regular,    ///< a device, a socket, a directory
    too_short,      ///< it ends before the part that is mapped begins
    layered,        ///< on a lower layer of overlayfs, or copied from one: the mapping may show the other file
    may_stall,      ///< on FUSE or autofs, which may never answer: backing_file_options::may_stall
};

/// Returns: an explanation for people: "another file has its name now".
VMIO_EXPORT const char* description(file_refusal) noexcept;

/// How a backing_file is opened.
struct backing_file_options {
    /// Open the file also where its file system is a program (FUSE) or an automounter (autofs): should that not answer,
    /// the call waits without end, and not even SIGKILL always ends it.
    bool may_stall = false;
};

/// The file that a mapping shows, opened for reading; a memory_reader whose addresses are offsets in the file. Copies
/// are cheap and share the descriptor; all members are thread-safe. A moved-from one is not open.
///
/// It is found by /proc/PID/map_files, which leads to the file itself, unlinked or not, but needs CAP_SYS_ADMIN or
/// CAP_CHECKPOINT_RESTORE (proc_pid_map_files(5)); else by its path in the target's root directory, also from outside
/// of a container; else by its path in ours. The file must have the mapping's device, inode and type, and at least its
/// offset in bytes. That is checked before the file is opened for reading, so that another one is not touched, and
/// again on the open file. Where stat(2) and maps disagree about the device (btrfs), paths are of no use. On overlayfs
/// a mapping continues to show the lower file when a write has copied it up, and device and inode remain: such files
/// are refused.
///
/// Whether the file system may stall is read from the mount tables of the target and of this process, before anything
/// else. One that neither lists (unmounted lazily, or in another mount namespace) is not recognised.
///
/// **Races.** The file is shared: it may be written and truncated at any time. Pages that the target has written in a
/// private mapping are not in it: page_map finds them.
class VMIO_EXPORT backing_file {
public:
    /// Opens the file of a mapping. Where that is refused, operator bool is false and refusal() says why.
    /// Errors: memory_error with ESRCH, the process has ended; EMFILE, ENFILE or ENOMEM, a limit of this process, which
    /// says nothing about the file.
    explicit backing_file(const process&, const mapping&, backing_file_options = {});

    /// Whether the file is open. If not, only refusal() may be called.
    explicit operator bool() const noexcept { return state_ != nullptr; }
    /// Returns: why the file is not open; none if it is.
    file_refusal refusal() const noexcept { return refusal_; }

    /// Returns: the present size in bytes, by fstat(2).
    std::uint64_t size() const;

    /// Reads bytes by one pread(2), which may be partial.
    /// Errors: EIO at and beyond the end, as for a page of a mapping there; those of pread(2).
    std::size_t read_some(address offset, std::span<std::byte> to, std::error_code& ec) const noexcept;

    /// Returns: the offset of the next bytes at or after `offset` that were ever written, by lseek(2), SEEK_DATA; up to
    /// there the file is zero. size() if there are none.
    std::uint64_t next_data(std::uint64_t offset) const;

    /// Returns: the descriptor, which this object and its copies own.
    int descriptor() const noexcept;

private:
    struct state;

    file_refusal refusal_ = file_refusal::no_file;
    std::shared_ptr<const state> state_;
};

}  // namespace vmio
