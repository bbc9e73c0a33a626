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
    no_file,        ///< anonymous memory, or something of the kernel's: [vdso], a device
    not_found,      ///< no path that we may follow leads to it: unlinked, or renamed
    no_permission,  ///< we may not open it, or not see the target's directories
    replaced,       ///< another file has its name now
    not_regular,    ///< a device, a socket, a directory
    too_short,      ///< it ends before the part that is mapped begins
    layered,        ///< of a lower layer of overlayfs, or copied from one: what is mapped may be the other
};

/// In words, for people: "another file has its name now".
VMIO_EXPORT const char* description(file_refusal) noexcept;

/// The file that a mapping shows, opened for reading; a memory_reader whose addresses are offsets in the file. Copies
/// are cheap and share the descriptor; all members are thread-safe.
///
/// It is found by /proc/PID/map_files, which leads to the file itself, unlinked or not, but asks for CAP_SYS_ADMIN or
/// CAP_CHECKPOINT_RESTORE (proc_pid_map_files(5)); else by its path in the target's own root directory, so from inside
/// a container too; else by its path in ours. What a path leads to must have the mapping's device, inode, type and at
/// least its offset in bytes. That is looked at before anything is opened for reading, so that a decoy is not touched,
/// and on that very file. (Where stat(2) and maps disagree about the device, as on btrfs, the paths are of no use. On
/// overlayfs a mapping goes on to show the lower file when a write has copied it up, and device and inode stay.)
///
/// **What others make untrue.** The file is shared: it may be written and truncated at any time. Pages that the target
/// has written in a private mapping are not in it: page_map tells which.
class VMIO_EXPORT backing_file {
public:
    /// Refused: operator bool is false and refusal() says why. memory_error: ESRCH if the process has ended; EMFILE,
    /// ENFILE or ENOMEM if we have run out of something, which says nothing about the file.
    backing_file(const process&, const mapping&);

    /// Whether the file is open. If not, only refusal() makes sense.
    explicit operator bool() const noexcept { return state_ != nullptr; }
    /// Why it is not; none if it is.
    file_refusal refusal() const noexcept { return refusal_; }

    /// Its size in bytes, now: fstat(2).
    std::uint64_t size() const;

    /// pread(2): one try. Beyond the end there is nothing: 0 and EIO, what a page of a mapping there gives.
    std::size_t read_some(address offset, std::span<std::byte> to, std::error_code& ec) const noexcept;

    /// Where the next bytes are that were ever written, from `offset` on (lseek(2), SEEK_DATA); up to there it is zero.
    /// size() if there are none.
    std::uint64_t next_data(std::uint64_t offset) const;

    /// Owned by this object and its copies.
    int descriptor() const noexcept;

private:
    struct state;

    file_refusal refusal_ = file_refusal::no_file;
    std::shared_ptr<const state> state_;
};

}  // namespace vmio
