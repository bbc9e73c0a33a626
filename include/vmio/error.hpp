// SPDX-License-Identifier: BSL-1.0
/// One exception for everything that a transfer, or the way to it, can run into.
#pragma once

#include <ios>
#include <memory>
#include <string>
#include <system_error>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>

namespace vmio {

/// What went wrong, in the words of this library. Every error_code here is an errno of the system category; compare it
/// with one of these when several errnos mean the same: `if (e.code() == vmio::errc::permission_denied)`.
enum class errc {
    no_such_process = 1,  ///< ESRCH: the process is gone, is a zombie, or has no memory of its own (a kernel thread)
    permission_denied,    ///< EPERM, EACCES: see ptrace(2), "Ptrace access mode checking"
    bad_address,          ///< EFAULT, EIO: nothing is mapped there, or its protection forbids it
    not_supported,        ///< ENOSYS, EOPNOTSUPP: this kernel cannot, or a seccomp filter says so
    not_open,             ///< EBADF: the device or stream is closed
    invalid_argument,     ///< EINVAL, EOVERFLOW: no such id, size or position
    program_changed,      ///< ESTALE: the memory is gone, after exec(2), exit, or the end of the first thread
    end_of_memory,        ///< ENOSPC: a write reached the end of the window
};

/// That of errc, "vmio"; no error_code is of it.
VMIO_EXPORT const std::error_category& memory_category() noexcept;
/// Found by std::error_condition, so that `error_code == errc` compiles.
VMIO_EXPORT std::error_condition make_error_condition(errc) noexcept;

/// A transfer that could not be completed, or a process that could not be opened. code() is the errno.
/// Copying does not throw. what() names the operation, the process, the address and, where something helps, what to do.
class VMIO_EXPORT memory_error : public std::ios_base::failure {
public:
    /// `operation` must outlive the exception: a string literal. `process` is 0 where there is none.
    memory_error(const char* operation, pid_t process, address where, std::error_code code);

    /// What failed: "process_vm_readv", say.
    const char* operation() const noexcept { return operation_; }
    /// Whose memory it was; 0 where there is no process.
    pid_t process_id() const noexcept { return process_; }
    /// The first byte that was not moved; 0 for an operation that has no address.
    address where() const noexcept { return where_; }
    /// All of it in a sentence or two, for people.
    const char* what() const noexcept override { return text_->c_str(); }

private:
    const char* operation_;
    pid_t process_;
    address where_;
    std::shared_ptr<const std::string> text_;
};

}  // namespace vmio

template <>
struct std::is_error_condition_enum<vmio::errc> : std::true_type {};
