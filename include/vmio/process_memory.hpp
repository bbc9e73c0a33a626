// SPDX-License-Identifier: BSL-1.0
/// Moving bytes between this process and another.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/error.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// How bytes are moved.
enum class transfer_method {
    /// process_vm, until the kernel or a seccomp filter refuses the call and /proc/PID/mem can be opened; then proc_mem
    /// for good, with the protections of pages honoured all the same. A filter's refusal, whatever its errno (except
    /// EFAULT, ESRCH and ENOMEM), holds for the threads that the filter is of; others keep process_vm. Never because of
    /// a bad address.
    automatic,
    /// process_vm_readv(2) and process_vm_writev(2): honour the protections of the target's pages.
    process_vm,
    /// /proc/PID/mem (proc_pid_mem(5)): ignores them. About 0.4 microseconds more a transfer; notices an exec (ESTALE).
    proc_mem,
};

/// How the memory of a process is used.
struct process_memory_options {
    transfer_method method = transfer_method::automatic;  ///< of reading, and of writing that is not forced
    /// Write by /proc/PID/mem whatever the method, also to pages that the target itself may not write; private ones are
    /// copied first. How a debugger plants a breakpoint. EIO where the kernel refuses: shared read-only files, or
    /// everything under proc_mem.force_override=never (Linux 6.12).
    bool force_write = false;
    /// How many threads may share a transfer of 16 MiB or more by process_vm; they are made for each, which allocates.
    /// With more than 1, bytes of `to` behind a hole may have been read too: they are right, but do not count.
    unsigned threads = 1;
};

/// A range of the target's memory and the bytes of ours that it is moved to or from.
struct remote_block {
    address start = 0;           ///< in the target
    std::span<std::byte> bytes;  ///< in this process; their number is the size of both
};

/// What came of one block.
struct block_transfer {
    std::size_t moved = 0;  ///< bytes, from its start on
    std::error_code error;  ///< why they are fewer than it has; none if it was moved whole
};

/// The memory of a process. Copies are cheap and share all; const members are thread-safe. No transfer allocates, but
/// for those that return a vector or a string.
///
/// **Whose bytes.** Every transfer asks the pidfd whether the process is still there: after a read, so that bytes of
/// another process that was given the same number are never handed out, and before a write. Between that question and
/// the write lies a moment in which the process could end and its number be given away; proc_mem and force_write have
/// no such moment, since their descriptor belongs to the memory itself. A buffer of ours at an address that no user can
/// have fails the whole call that it is part of.
///
/// **What a running target makes untrue.** It may change, unmap or exec(2) at any time: two transfers need not see the
/// same moment, and a transfer of more than a few bytes need not see one. After exec, process_vm moves the new
/// program's bytes and says nothing (ask process::same_program()), or ESRCH while a thread that is not the first one
/// calls it (process::alive() tells); proc_mem and force_write give ESTALE.
///
/// **What it costs the target.** Nothing is written that was not asked for, and no stack is grown, but reading makes
/// untouched pages present: page tables grow, shared and file pages are allocated, swapped pages come back.
class VMIO_EXPORT process_memory {
public:
    /// Throws memory_error: EPERM or EACCES if the memory may not be accessed (ptrace(2), "Ptrace access mode
    /// checking"), ESRCH if the process has ended, ENOSYS if this kernel lacks the call.
    explicit process_memory(process target, process_memory_options = {});
    /// The same without an exception; after an error only target() and options() make sense.
    /// @{
    process_memory(process target, process_memory_options, std::error_code& ec);
    process_memory(process target, std::error_code& ec) : process_memory(std::move(target), {}, ec) {}
    /// @}

    /// Whose memory this is.
    /// @{
    const process& target() const noexcept { return target_; }
    pid_t process_id() const noexcept { return target_.id(); }
    /// @}
    /// As they were given.
    const process_memory_options& options() const noexcept;
    /// What is in use: never automatic.
    transfer_method method() const noexcept;
    /// What errors name, by the method in use: see naming.
    /// @{
    const char* read_operation() const noexcept;
    const char* write_operation() const noexcept;
    /// @}

    /// One honest try. Moves as many bytes from `from` on as can be read without a gap and returns their number; a
    /// short count is no error. 0 with an error: not even the first could be read, and ec says why; nothing is said of
    /// the content of `to` then. What would lie beyond 2^64 is not tried.
    std::size_t read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept;

    /// The same for writing. EFAULT also where the target itself could not write, unless forced.
    std::size_t write_some(address to, std::span<const std::byte> from, std::error_code& ec) const noexcept;

    /// All of it, or memory_error; its where() is the first byte that was not moved. What lies before was moved.
    /// @{
    void read(address from, std::span<std::byte> to) const;
    void write(address to, std::span<const std::byte> from) const;
    /// @}

    /// The bytes of a trivially copyable value, as read() and write() move them; a value need not be aligned.
    /// @{
    template <class T>
    T read_value(address from) const {
        static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be moved");
        alignas(T) std::byte bytes[sizeof(T)];
        read(from, bytes);
        return __builtin_bit_cast(T, bytes);
    }

    template <class T>
    void write_value(address to, const T& value) const {
        static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be moved");
        write(to, std::as_bytes(std::span<const T, 1>(&value, 1)));
    }
    /// @}

    /// The bytes up to a NUL, which is not part of the result, or `limit` bytes if there is none among them. Memory
    /// behind the NUL need not be readable; memory_error if some before it is not.
    std::string read_string(address from, std::size_t limit) const;

    /// Moves many blocks with few calls (up to 1024 a call) and returns the bytes moved for each: what lies before the
    /// first byte that cannot be moved. A bad block costs one or two calls and never its neighbours. Blocks may be
    /// empty, and may overlap in the target. If the process ends meanwhile, nothing counts as read.
    /// @{
    std::vector<std::size_t> read_blocks(std::span<const remote_block> blocks) const;
    std::vector<std::size_t> write_blocks(std::span<const remote_block> blocks) const;
    /// @}

    /// The same with the reasons, and without allocating. std::invalid_argument if there is not one result for each
    /// block.
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
    void transfer_blocks_by_mem(direction, std::span<const remote_block>, std::span<block_transfer>) const noexcept;

    process target_;
    std::shared_ptr<state> state_;
};

}  // namespace vmio
