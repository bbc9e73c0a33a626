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

/// Bytes that do not change, except through a mutable_view. They are in memory, in a sealed memfd (memfd_create(2)): no
/// process that opens it by /proc/PID/fd can change, shrink or grow it, and no access to a view raises SIGBUS because
/// the file became shorter. Zeros that were never written take no memory (holes).
///
/// Copies share the bytes; a moved-from snapshot is unchanged. All members are thread-safe. A snapshot holds one
/// descriptor, or none of its own where it shares that of the snapshot it was made from (cow_view::take_snapshot). The
/// size is exact, and may be 0. All of it works in a child of fork(2); what the child writes by a mutable_view of its
/// own is seen by the child only.
///
/// A *memory*: the address is the offset, so memory_device<snapshot>(s, {0, s.size()}) is a device, and a stream over
/// that device is a stream over the snapshot.
///
/// Errors are memory_error: ENOMEM, EMFILE, and EFBIG past RLIMIT_FSIZE (getrlimit(2)), which the kernel also applies
/// to memfds; no SIGXFSZ is raised. Errors of a named file are file_error.
class VMIO_EXPORT snapshot {
public:
    /// Returns: `size` bytes of zeros, which take no memory.
    static snapshot zeroed(std::size_t size);
    /// Returns: a copy of the bytes.
    static snapshot from_bytes(std::span<const std::byte> bytes);

    /// Copies a file; later changes of the file are not seen. Holes stay holes. A pipe, a block device, or a file that
    /// does not report its size (/proc, /sys) is read to its end. Errors: EISDIR for a directory; EINVAL for a
    /// character device; ENODATA if the file is truncated while it is copied. Races: of bytes that are written to the
    /// file during the call, either the old or the new value is copied; bytes that are appended are not.
    static snapshot from_file(const std::filesystem::path& path);

    /// Share the bytes: both see what a mutable_view changes. clone() is independent.
    /// @{
    snapshot(const snapshot&) noexcept = default;
    snapshot& operator=(const snapshot&) noexcept = default;
    /// @}

    /// In bytes, not rounded.
    std::size_t size() const noexcept;
    /// Whether size() is 0.
    bool empty() const noexcept { return size() == 0; }

    /// Returns: the memory it takes, in bytes: whole pages, without holes. Pages that several snapshots share count in
    /// each.
    std::uint64_t memory_used() const noexcept;

    /// Returns: a copy-on-write view of the snapshot as it is now. There can be any number of views.
    /// Cost: one mmap(2); only pages that were changed between this snapshot and the one it was made from are copied.
    cow_view view() const;

    /// Returns: the view by which this snapshot, and all copies that share with it, can be changed. Views made
    /// afterwards see the changes; views and snapshots made of it before do not. Errors: EBUSY while another
    /// mutable_view of it exists. Cost: all bytes are copied first (holes stay holes); for few changes
    /// cow_view::commit() is cheaper.
    mutable_view view_mutable();

    /// Returns: an independent snapshot of the same bytes. Cost: nothing is copied, unless there is a mutable_view now.
    snapshot clone() const;

    /// Writes a file for load(), on any machine, without the holes. Atomic: `path` is unchanged or complete, also after
    /// SIGKILL. An existing file is replaced once the new bytes are on the disk (fdatasync(2)), keeps its group, and
    /// gains no permissions; a symbolic link is followed. A new file is not waited for. Errors: EINVAL if `path` is
    /// anything but a regular file; EFBIG past RLIMIT_FSIZE. A file .vmio-* is left beside it only if the process is
    /// killed while the file is being renamed, or on a file system without O_TMPFILE (open(2)).
    void save(const std::filesystem::path& path) const;

    /// Errors: file_error if the file is not exactly one that save() has written.
    static snapshot load(const std::filesystem::path& path);

    /// See memory_reader. Errors: EFAULT from size() on.
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
