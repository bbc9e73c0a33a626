// SPDX-License-Identifier: BSL-1.0
#include "base/file_writing.hpp"

#include <cerrno>
#include <ctime>
#include <limits>
#include <ostream>

#include <unistd.h>

#include "base/cancellation.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {
namespace {

sigset_t only(int signal) noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, signal);
    return set;
}

}  // namespace

write_signal_blocked::write_signal_blocked(int signal, int error) noexcept : signal_(signal), error_(error) {
    const sigset_t set = only(signal_);
    ::pthread_sigmask(SIG_BLOCK, &set, &before_);
    // A signal that was not blocked cannot have been pending: no need to check.
    sigset_t pending;
    if (::sigismember(&before_, signal_) == 1 && ::sigpending(&pending) == 0)
        was_pending_ = ::sigismember(&pending, signal_) == 1;
}

write_signal_blocked::~write_signal_blocked() {
    if (::sigismember(&before_, signal_) == 1) return;
    const sigset_t set = only(signal_);
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void write_signal_blocked::failed(const std::error_code& ec) noexcept {
    if (ec.value() != error_ || was_pending_) return;
    const sigset_t set = only(signal_);
    constexpr timespec at_once{};
    const cancellation_disabled now;  // sigtimedwait(2) is a cancellation point
    while (::sigtimedwait(&set, nullptr, &at_once) < 0 && last_system_error().value() == EINTR) {
    }
}

std::error_code write_whole(int fd, std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
    if (bytes.empty()) return {};
    file_size_signal_blocked guard;
    while (!bytes.empty()) {
        const ssize_t done = sys::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        const std::error_code ec = done < 0 ? last_system_error() : std::error_code();
        if (ec.value() == EINTR) continue;
        if (done == 0) return system_error_of(EIO);
        if (ec) return guard.failed(ec), ec;
        bytes = bytes.subspan(static_cast<std::size_t>(done));
        offset += static_cast<std::uint64_t>(done);
    }
    return {};
}

std::error_code set_file_size(int fd, std::uint64_t size) noexcept {
    if (size > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) return system_error_of(EFBIG);
    file_size_signal_blocked guard;
    std::error_code ec;
    do ec = ::ftruncate(fd, static_cast<off_t>(size)) != 0 ? last_system_error() : std::error_code();
    while (ec.value() == EINTR);
    guard.failed(ec);
    return ec;
}

std::error_code write_to_stream(std::ostream& out, std::span<const std::byte> bytes) {
    errno = 0;
    if (out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()))) return {};
    const std::error_code ec = last_system_error();
    return ec ? ec : system_error_of(EIO);
}

}  // namespace vmio::detail
