// SPDX-License-Identifier: BSL-1.0
#include "child/child_wait.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include <poll.h>
#include <sys/wait.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {

std::error_code wait_for(int fd, short events, wait_clock::time_point deadline) noexcept {
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - wait_clock::now()).count();
        if (left <= 0) return system_error_of(ETIMEDOUT);
        const timespec limit{static_cast<time_t>(left / 1000000000), static_cast<long>(left % 1000000000)};
        pollfd file{fd, events, 0};
        const int ready = sys::ppoll(&file, 1, &limit);
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return last_system_error();
    }
}

std::optional<int> reap_if_ended(pid_t child, std::error_code& ec) noexcept {
    ec.clear();
    siginfo_t info{};
    while (sys::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG) != 0) {
        if (errno == EINTR) continue;
        ec = last_system_error();
        return std::nullopt;
    }
    if (info.si_pid == 0) return std::nullopt;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

void reap_child(pid_t child) noexcept {
    siginfo_t info{};
    while (sys::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED) != 0 && errno == EINTR) {
    }
}

std::error_code wait_for_stop(pid_t child, wait_clock::time_point deadline) noexcept {
    siginfo_t info{};
    bool failed = false;
    const bool stopped = wait_until(
        [&] {
            if (sys::waitid(P_PID, static_cast<id_t>(child), &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT) != 0 &&
                errno != EINTR)
                failed = true;
            return failed || info.si_pid != 0;
        },
        deadline);
    if (failed) return last_system_error();
    if (!stopped) return system_error_of(ETIMEDOUT);
    if (info.si_code != CLD_STOPPED) return system_error_of(ESRCH);
    return {};
}

void nap(unsigned attempt) noexcept {
    const timespec time{0, std::min(20000L << std::min(attempt / 8, 6U), 1000000L)};
    sys::ppoll(nullptr, 0, &time);
}

}  // namespace vmio::detail
