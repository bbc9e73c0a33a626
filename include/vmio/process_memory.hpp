// SPDX-License-Identifier: BSL-1.0
/// Moving bytes between this process and another.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/detail/read_all.hpp>
#include <vmio/detail/read_values.hpp>
#include <vmio/error.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// The system calls that move bytes.
enum class transfer_method {
    /// process_vm, until the kernel lacks the call or a seccomp filter refuses it, with whatever errno, and
    /// /proc/PID/mem can be opened; then proc_mem for good, which honours the protections of pages all the same. A
    /// filter's refusal holds for the threads that the filter is of; others keep process_vm. Never because of a bad
    /// address.
    automatic,
    /// process_vm_readv(2) and process_vm_writev(2), which honour the protections of the target's pages.
    process_vm,
    /// /proc/PID/mem (proc_pid_mem(5)), which ignores them. 0.4 microseconds more a transfer; fails with ESTALE after
    /// exec.
    proc_mem,
};

/// Options of a process_memory.
struct process_memory_options {
    transfer_method method = transfer_method::automatic;  ///< of reads, and of writes that are not forced
    /// Write by /proc/PID/mem whatever the method, also to pages that the target itself may not write, as a debugger
    /// does to plant a breakpoint; private pages are copied first. EIO where the kernel refuses: shared read-only
    /// files, or all pages under proc_mem.force_override=never (Linux 6.12).
    bool force_write = false;
    /// The number of threads that may share a transfer of 16 MiB or more by process_vm; they are started for each such
    /// transfer, which allocates. With more than 1, bytes of `to` behind a hole may have been read, too: they are
    /// right, but not counted.
    unsigned threads = 1;
};

/// A range of the target's memory and the bytes of this process that it is moved to or from.
struct remote_block {
    address start = 0;           ///< in the target
    std::span<std::byte> bytes;  ///< in this process; also the size of the range
};

/// The result for one block.
struct block_transfer {
    std::size_t moved = 0;  ///< bytes, from its start on
    std::error_code error;  ///< why not all of it was moved; none if it was
};

/// The memory of a process. Copies are cheap and share all state; const members are thread-safe. A moved-from object
/// can only be assigned to and destroyed. No transfer allocates, but for those that return a vector or a string.
///
/// **Identity.** Every transfer asks the pidfd whether the process is alive: after a read, so that bytes of another
/// process with the same, recycled PID are never returned, and before a write. In the moment between that question and
/// the write the process could end and its PID be recycled; proc_mem and force_write have no such moment, since their
/// descriptor belongs to the memory itself. An address of this process that no user program can have fails the whole
/// call that it is part of.
///
/// **Races.** A running target may change, unmap or exec(2) at any time: two transfers need not see the same moment,
/// and neither need a single one of more than a few bytes. After exec, process_vm moves the new program's bytes without
/// a sign of it (see process::same_program()), or fails with ESRCH while a thread that is not the first one calls exec
/// (process::alive() tells); proc_mem and force_write fail with ESTALE.
///
/// **Cost to the target.** Nothing is written that was not asked for, and no stack grows (before Linux 6.5 process_vm
/// would grow one, so there each transfer first looks up whether its pages are present, half a microsecond, or else
/// mapped, as long as reading /proc/PID/maps takes; blocks are then moved one by one). But a read makes untouched pages
/// present: page tables grow, shared and file pages are allocated, swapped pages come back. A read of a page that
/// is not present waits for whatever has to provide it: a disk, a userfaultfd(2) handler, a FUSE server, without a
/// limit.
class VMIO_EXPORT process_memory {
public:
    /// Opens the memory of `target`.
    /// Errors: memory_error with EPERM or EACCES, it may not be accessed (ptrace(2), "Ptrace access mode checking");
    /// ESRCH, the process has ended; ENOSYS, this kernel lacks the call.
    /// @{
    explicit process_memory(process target, process_memory_options = {});
    explicit process_memory(pid_t target, process_memory_options options = {})
        : process_memory(process(target), options) {}
    /// @}
    /// The same without memory_error; after an error only target() and options() may be called.
    /// @{
    process_memory(process target, process_memory_options, std::error_code& ec);
    process_memory(process target, std::error_code& ec) : process_memory(std::move(target), {}, ec) {}
    /// @}

    /// Returns: the process.
    /// @{
    const process& target() const noexcept { return target_; }
    pid_t process_id() const noexcept { return target_.id(); }
    /// @}
    /// Returns: the options as given.
    const process_memory_options& options() const noexcept;
    /// Returns: the method in use, never automatic.
    transfer_method method() const noexcept;
    /// Returns: the operation that errors name, by the method in use: see naming.
    /// @{
    const char* read_operation() const noexcept;
    const char* write_operation() const noexcept;
    /// @}

    /// Reads bytes from `from` on in one attempt, which may be partial: up to the first byte that cannot be read, or
    /// 2^64. Returns: the number of bytes; 0 only if `to` is empty or with an error. Errors: in `ec`, none after a
    /// partial read. EFAULT, nothing readable there; EIO, the kernel cannot give the page; ESRCH, the process has
    /// ended; ESTALE, after exec (proc_mem); EPERM, access is denied. Then the content of `to` is unspecified.
    std::size_t read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept;

    /// The same for writing.
    /// Errors: also EFAULT where the target itself may not write, unless forced.
    std::size_t write_some(address to, std::span<const std::byte> from, std::error_code& ec) const noexcept;

    /// Moves all bytes.
    /// Errors: memory_error, whose where() is the first byte that was not moved; the bytes before it were.
    /// @{
    void read(address from, std::span<std::byte> to) const;
    void write(address to, std::span<const std::byte> from) const;
    /// @}

    /// Moves a trivially copyable value by read() or write(). Its address need not be aligned.
    /// @{
    template <class T>
    T read_value(address from) const {
        return detail::read_value<T>(*this, from);
    }

    template <class T>
    void write_value(address to, const T& value) const {
        detail::write_value(*this, to, value);
    }
    /// @}

    /// Reads trivially copyable values by read() into existing objects, or as many as `count` says into a vector, whose
    /// memory grows with what has been read: a wrong count is an error, and not a lack of memory.
    /// Errors: also std::length_error, with more bytes than a vector can hold.
    /// @{
    template <detail::readable_value T>
    void read_values(address from, std::span<T> to) const {
        read(from, std::as_writable_bytes(to));
    }
    template <detail::readable_value T, std::size_t Size>
    void read_values(address from, std::span<T, Size> to) const {
        read(from, std::as_writable_bytes(to));
    }
    template <detail::readable_value T>
    std::vector<T> read_values(address from, std::size_t count) const {
        return detail::read_values<T>(*this, from, count);
    }
    /// @}

    /// Reads a string that ends with a NUL.
    /// Returns: the bytes before the NUL, or `limit` bytes if none of them is NUL.
    /// Errors: memory_error if memory before the NUL cannot be read; behind it, that does not matter.
    std::string read_string(address from, std::size_t limit) const;

    /// Moves many blocks with few calls, up to 1024 blocks a call. Every block is tried, whatever happens to the
    /// others; blocks may be empty, and may overlap in the target. Returns: for each block the number of bytes moved,
    /// up to its first byte that cannot be moved. All 0 for a read during which the process ended. Cost: a bad block
    /// takes one or two calls more.
    /// @{
    std::vector<std::size_t> read_blocks(std::span<const remote_block> blocks) const;
    std::vector<std::size_t> write_blocks(std::span<const remote_block> blocks) const;
    /// @}

    /// The same with an error for each block, and without allocating.
    /// Errors: std::invalid_argument if the numbers of blocks and results differ.
    /// @{
    void read_blocks(std::span<const remote_block> blocks, std::span<block_transfer> results) const;
    void write_blocks(std::span<const remote_block> blocks, std::span<block_transfer> results) const;
    /// @}

private:
    struct state;
    enum class direction { reading, writing };

    std::error_code open(process_memory_options);
    bool turn_to_mem(std::error_code& why) const noexcept;
    std::error_code gone(std::error_code ec) const noexcept;
    std::vector<std::size_t> counts(direction, std::span<const remote_block>) const;
    void transfer_blocks(direction, std::span<const remote_block>, std::span<block_transfer>) const;
    void transfer_blocks_singly(direction, std::span<const remote_block>, std::span<block_transfer>) const noexcept;

    process target_;
    std::shared_ptr<state> state_;
};

}  // namespace vmio
