// SPDX-License-Identifier: BSL-1.0
/// The exception of the library, and conditions to compare its error codes with.
#pragma once

#include <ios>
#include <memory>
#include <string>
#include <system_error>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>

namespace vmio {

/// Conditions to compare error codes with, where several errnos mean the same:
/// `if (e.code() == vmio::errc::permission_denied)`. Error codes of this library are errnos of the system category; but
/// a write at the end of a window has a code of its own (value ENOSPC, memory_category()), which a full disk does not
/// equal.
enum class errc {
    no_such_process = 1,  ///< ESRCH: the process is gone, is a zombie, or has no memory of its own (a kernel thread)
    permission_denied,    ///< EPERM, EACCES: see ptrace(2), "Ptrace access mode checking"
    bad_address,          ///< EFAULT, EIO: nothing is mapped at the address, or its protection forbids the access
    not_supported,        ///< ENOSYS, EOPNOTSUPP: this kernel cannot, or a seccomp filter says so
    not_open,             ///< EBADF: the device or stream is closed
    invalid_argument,     ///< EINVAL, EOVERFLOW: no such id, size or position
    program_changed,      ///< ESTALE: the memory is gone, after exec(2), exit, or the end of the first thread
    end_of_memory,        ///< a write reached the end of the window; not a full disk
};

/// The category of errc, "vmio", and of the error code for the end of a window.
VMIO_EXPORT const std::error_category& memory_category() noexcept;
/// Found by std::error_condition, so that `error_code == errc` compiles.
VMIO_EXPORT std::error_condition make_error_condition(errc) noexcept;

namespace detail {
/// The code of a write that reached the end of a window: equals errc::end_of_memory and, as before it had a category of
/// its own, std::errc::no_space_on_device.
VMIO_EXPORT std::error_code end_of_memory() noexcept;
}  // namespace detail

/// A transfer that could not be completed, or a process that could not be opened. code() is the errno. Copying does not
/// throw. Constructing one makes no system call. One type for all shared libraries of a program.
class VMIO_EXPORT memory_error : public std::ios_base::failure {
public:
    /// `operation` must outlive the exception: a string literal. `process` is 0 where there is none. `advice` explains
    /// the failure and its remedy in what(); if it is empty, a sentence about the errno is used.
    memory_error(const char* operation, pid_t process, address where, std::error_code code,
                 const std::string& advice = {});
    /// Copies share the text.
    /// @{
    memory_error(const memory_error&) noexcept = default;
    memory_error& operator=(const memory_error&) noexcept = default;
    /// @}
    ~memory_error() override;

    /// The operation that failed, such as "process_vm_readv".
    const char* operation() const noexcept { return operation_; }
    /// The target; 0 where there is no process.
    pid_t process_id() const noexcept { return process_; }
    /// The first byte that was not moved; 0 for an operation that has no address.
    address where() const noexcept { return where_; }
    /// The operation, the target, the address, the error and, where one is known, its remedy.
    const char* what() const noexcept override;

private:
    const char* operation_;
    pid_t process_;
    address where_;
    std::shared_ptr<const std::string> text_;
};

}  // namespace vmio

template <>
struct std::is_error_condition_enum<vmio::errc> : std::true_type {};
