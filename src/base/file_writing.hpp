// SPDX-License-Identifier: BSL-1.0
/// Calls that make a file, or a memfd, larger.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <system_error>

#include <csignal>

namespace vmio::detail {

/// While it exists, a call of this thread that fails with the error raises no signal, whose default action ends the
/// process. The kernel sends the signal to the calling thread, so blocking it there and removing it when pending is
/// enough.
class write_signal_blocked {
public:
    /// `signal`: the one that comes with the errno `error`, such as SIGPIPE and EPIPE.
    write_signal_blocked(int signal, int error) noexcept;
    write_signal_blocked(const write_signal_blocked&) = delete;
    write_signal_blocked& operator=(const write_signal_blocked&) = delete;
    ~write_signal_blocked();

    /// To be called after a failed call: removes the pending signal that it may have raised.
    void failed(const std::error_code&) noexcept;

private:
    int signal_;
    int error_;
    sigset_t before_;
    bool was_pending_ = false;  // before this object: the program's own signal, which is kept
};

/// Exceeding RLIMIT_FSIZE, which also holds for memfds: EFBIG and SIGXFSZ.
class file_size_signal_blocked : public write_signal_blocked {
public:
    file_size_signal_blocked() noexcept : write_signal_blocked(SIGXFSZ, EFBIG) {}
};

/// pwrite(2) of all of `bytes`, resumed after signals and partial writes.
/// Errors: that of pwrite(2); EIO if it writes nothing; EFBIG past RLIMIT_FSIZE and past what `fd` can hold.
std::error_code write_whole(int fd, std::uint64_t offset, std::span<const std::byte> bytes) noexcept;

/// Writes to a stream.
/// Returns: the error of the call that failed, which errno still has; EIO if there is none; what the stream throws, it
/// throws.
std::error_code write_to_stream(std::ostream& out, std::span<const std::byte> bytes);

/// ftruncate(2). Errors: EFBIG past RLIMIT_FSIZE and past what `fd` can hold.
std::error_code set_file_size(int fd, std::uint64_t size) noexcept;

}  // namespace vmio::detail
