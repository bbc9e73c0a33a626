// SPDX-License-Identifier: BSL-1.0
/// Moving bytes between this process and another.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>

#include <vmio/address.hpp>
#include <vmio/error.hpp>
#include <vmio/export.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// The memory of a process, by process_vm_readv(2) and process_vm_writev(2), which honour the protection of its pages.
///
/// Copies are cheap and share the process. const members are thread-safe. No transfer allocates.
///
/// **Whose bytes.** Every transfer asks the pidfd whether the process is still there: after a read, so that bytes of
/// another process that was given the same number are never handed out, and before a write. Between that question and
/// the write lies a moment in which the process could end and its number be given away; only a descriptor of
/// /proc/PID/mem closes it.
///
/// **What a running target makes untrue.** It may change, unmap or exec(2) at any time: two transfers need not see the
/// same moment, and a transfer of more than a few bytes need not see one. After exec the bytes are the new program's.
///
/// **What it costs the target.** Nothing is written that was not asked for, but reading makes untouched pages present:
/// page tables grow, shared and file pages are allocated, swapped pages come back.
class VMIO_EXPORT process_memory {
public:
    /// Throws memory_error: EPERM if the memory may not be accessed (ptrace(2), "Ptrace access mode checking"), ESRCH
    /// if the process has ended, ENOSYS if this kernel has no process_vm_readv.
    explicit process_memory(process who);
    process_memory(process who, std::error_code& ec) noexcept;

    const process& target() const noexcept { return who_; }
    pid_t process_id() const noexcept { return who_.id(); }
    static const char* read_operation() noexcept { return "process_vm_readv"; }
    static const char* write_operation() noexcept { return "process_vm_writev"; }

    /// One honest try. Moves as many bytes from `from` on as can be read without a gap and returns their number; a
    /// short count is no error. 0 with an error: not even the first could be read, and ec says why; nothing is said of
    /// the content of `to` then. What would lie beyond 2^64 is not tried.
    std::size_t read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept;

    /// The same for writing. EFAULT also where the target itself could not write.
    std::size_t write_some(address to, std::span<const std::byte> from, std::error_code& ec) const noexcept;

    /// All of it, or memory_error; its where() is the first byte that was not moved. What lies before was moved.
    void read(address from, std::span<std::byte> to) const;
    void write(address to, std::span<const std::byte> from) const;

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

    /// The bytes up to a NUL, which is not part of the result, or `limit` bytes if there is none among them. Memory
    /// behind the NUL need not be readable; memory_error if some before it is not.
    std::string read_string(address from, std::size_t limit) const;

private:
    std::error_code probe() const noexcept;

    process who_;
};

}  // namespace vmio
