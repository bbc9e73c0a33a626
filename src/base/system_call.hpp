// SPDX-License-Identifier: BSL-1.0
/// System calls that are not cancellation points.
#pragma once

#include <cstddef>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cancellation.hpp"

/// The C library's read(2), pread(2), openat(2), close(2) and others are cancellation points: pthread_cancel(3) unwinds
/// the stack from inside them, and a noexcept function on it ends the program. These make the same calls, with the same
/// results and errno, by syscall(2), which is not a cancellation point; it also costs less than the C library's check
/// in a program with threads. The library uses only this form.
namespace vmio::detail::sys {

/// On a 32-bit machine an off_t takes two registers, whose order and alignment depend on the machine.
constexpr bool offset_fits_a_register = sizeof(long) >= sizeof(off_t);

inline int openat(int directory, const char* path, int flags, mode_t mode = 0) noexcept {
    return static_cast<int>(::syscall(SYS_openat, directory, path, flags | O_LARGEFILE, mode));
}

inline int open(const char* path, int flags, mode_t mode = 0) noexcept {
    return sys::openat(AT_FDCWD, path, flags, mode);
}

inline int close(int fd) noexcept {
    return static_cast<int>(::syscall(SYS_close, fd));
}

inline ssize_t read(int fd, void* to, std::size_t size) noexcept {
    return ::syscall(SYS_read, fd, to, size);
}

inline ssize_t write(int fd, const void* from, std::size_t size) noexcept {
    return ::syscall(SYS_write, fd, from, size);
}

inline ssize_t pread(int fd, void* to, std::size_t size, off_t offset) noexcept {
    if constexpr (offset_fits_a_register) return ::syscall(SYS_pread64, fd, to, size, offset);
    const cancellation_disabled now;
    return ::pread(fd, to, size, offset);
}

inline ssize_t pwrite(int fd, const void* from, std::size_t size, off_t offset) noexcept {
    if constexpr (offset_fits_a_register) return ::syscall(SYS_pwrite64, fd, from, size, offset);
    const cancellation_disabled now;
    return ::pwrite(fd, from, size, offset);
}

inline int fallocate(int fd, int mode, off_t offset, off_t size) noexcept {
    if constexpr (offset_fits_a_register) return static_cast<int>(::syscall(SYS_fallocate, fd, mode, offset, size));
    const cancellation_disabled now;
    return ::fallocate(fd, mode, offset, size);
}

inline int fdatasync(int fd) noexcept {
    return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

inline long getdents64(int fd, void* to, std::size_t size) noexcept {
    return ::syscall(SYS_getdents64, fd, to, size);
}

/// `limit`: how long to wait; null: without end.
inline int ppoll(pollfd* files, nfds_t count, const timespec* limit) noexcept {
    const cancellation_disabled now;
    return ::ppoll(files, count, limit, nullptr);
}

inline int waitid(idtype_t type, id_t id, siginfo_t* info, int options) noexcept {
    return static_cast<int>(::syscall(SYS_waitid, type, id, info, options, nullptr));
}

}  // namespace vmio::detail::sys
