// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <csignal>

#include <sys/wait.h>

#include "base/system_call.hpp"

namespace vmio::detail {

/// Kills a process that the calling thread traces, and waits for its end. Its parent can wait for it then.
inline void end_traced(pid_t child) noexcept {
    ::kill(child, SIGKILL);
    siginfo_t report{};
    sys::waitid(P_PID, static_cast<id_t>(child), &report, WEXITED | __WALL | __WNOTHREAD);
}

}  // namespace vmio::detail
