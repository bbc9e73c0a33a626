// SPDX-License-Identifier: BSL-1.0
/// Calls that make a file, or a memfd, larger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

#include <csignal>

namespace vmio::detail {

/// While it exists, exceeding RLIMIT_FSIZE, which also holds for memfds, makes the calls of this thread fail with EFBIG
/// and raises no SIGXFSZ, whose default action ends the process. The kernel sends the signal to the calling thread, so
/// blocking it there and removing it when pending is enough.
class file_size_signal_blocked {
public:
    file_size_signal_blocked() noexcept;
    file_size_signal_blocked(const file_size_signal_blocked&) = delete;
    file_size_signal_blocked& operator=(const file_size_signal_blocked&) = delete;
    ~file_size_signal_blocked();

    /// To be called after a failed call: removes the pending signal that it may have raised.
    void failed(const std::error_code&) noexcept;

private:
    sigset_t before_;
    bool was_pending_ = false;  // before this object: the program's own signal, which is kept
};

/// pwrite(2) of all of `bytes`, resumed after signals and partial writes.
/// Errors: that of pwrite(2); EIO if it writes nothing; EFBIG past RLIMIT_FSIZE and past what `fd` can hold.
std::error_code write_whole(int fd, std::uint64_t offset, std::span<const std::byte> bytes) noexcept;

/// ftruncate(2). Errors: EFBIG past RLIMIT_FSIZE and past what `fd` can hold.
std::error_code set_file_size(int fd, std::uint64_t size) noexcept;

}  // namespace vmio::detail
