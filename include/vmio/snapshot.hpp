// SPDX-License-Identifier: BSL-1.0
/// Frozen bytes with copy-on-write views.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include <vmio/address.hpp>
#include <vmio/cow_view.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/mutable_view.hpp>

namespace vmio {

/// Bytes that stay as they are, but for what a mutable_view does to them. They are in memory, in a memfd_create(2) that
/// is sealed: not even who opens it by /proc/PID/fd can change, shrink or grow it, and no access to a view can end in
/// SIGBUS because a file became shorter. Zeros that were never written take no memory (holes).
///
/// Copies share; one that was moved from still does. All members are thread-safe. A snapshot holds one descriptor, or
/// none of its own where it shares that of the snapshot it was made from (cow_view::take_snapshot). The size is exact,
/// and may be 0. A child of fork(2) may go on with all of it; what it writes by a mutable_view of its own stays there.
///
/// A *memory*: the address is the offset, so memory_device<snapshot>(s, {0, s.size()}) is a device, and a stream is one
/// over that.
///
/// Errors are memory_error: ENOMEM, EMFILE; those about a file file_error.
class VMIO_EXPORT snapshot {
public:
    /// `size` bytes of zeros, which take no memory.
    static snapshot zeroed(std::size_t size);
    /// A copy of the bytes.
    static snapshot from_bytes(std::span<const std::byte> bytes);

    /// What the file holds now: later changes of it, and its end being cut off, cannot show. Holes stay holes. Bytes
    /// that are written to it meanwhile may be the old or the new ones; it is an error (ENODATA) if it is cut off
    /// meanwhile, and what is appended meanwhile is not seen. A pipe, a block device, or a file that does not tell its
    /// size (/proc, /sys) is read to its end; a directory (EISDIR) or a character device (EINVAL) is refused.
    static snapshot from_file(const std::filesystem::path& path);

    /// Shares the bytes: what a mutable_view changes is seen by both. clone() is independent.
    /// @{
    snapshot(const snapshot&) noexcept = default;
    snapshot& operator=(const snapshot&) noexcept = default;
    /// @}

    /// In bytes, not rounded.
    std::size_t size() const noexcept;
    /// Whether size() is 0.
    bool empty() const noexcept { return size() == 0; }

    /// What it takes of memory, in bytes: whole pages, without holes. Shared pages count wherever they are shared.
    std::uint64_t memory_used() const noexcept;

    /// A copy-on-write view of what the snapshot holds now, however many there are already. No bytes are copied but
    /// those of pages that were changed between this snapshot and the one it was made from.
    cow_view view() const;

    /// The view by which this snapshot, and every copy that shares with it, can be changed: views made from then on see
    /// the changes. Those made before, and snapshots made of this one, never do: what the snapshot holds is copied
    /// first (holes stay holes). So for few changes cow_view::commit() is cheaper. EBUSY while another one exists.
    mutable_view view_mutable();

    /// The same bytes, from now on independent. Nothing is copied, unless there is a mutable_view now.
    snapshot clone() const;

    /// Writes a file for load(), on any machine, without the holes. `path` is as before or complete, whatever happens:
    /// what is there is replaced once the new bytes are on the disk (fdatasync(2)); a new file nobody waits for. Only a
    /// regular file is replaced (EINVAL), by one that no more users may read; one behind a symbolic link is. Nothing
    /// else is left over, but for a .vmio-* beside it if we are killed in the very moment of replacing, or on a file
    /// system without O_TMPFILE (open(2)).
    void save(const std::filesystem::path& path) const;

    /// file_error if the file is not one that save() has written, to the last byte.
    static snapshot load(const std::filesystem::path& path);

    /// As said of memory_reader. EFAULT from size() on.
    std::size_t read_some(address offset, std::span<std::byte> to, std::error_code& ec) const noexcept;
    /// For errors: see naming.
    const char* read_operation() const noexcept { return "read of a snapshot"; }

private:
    friend class cow_view;
    friend class mutable_view;
    friend class process_snapshot;
    struct state;
    explicit snapshot(std::shared_ptr<state> s) noexcept : state_(std::move(s)) {}

    std::shared_ptr<state> state_;
};

}  // namespace vmio
