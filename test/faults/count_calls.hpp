// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <csignal>
#include <cstddef>
#include <exception>

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/child.hpp"

namespace test {

/// How many system calls `body` makes, in all threads. It is run in a fork, which is traced; an exception of it ends
/// the test.
template <class F>
std::size_t count_calls(F&& body) {
    const pid_t id = ::fork();
    must(id >= 0, "fork");
    if (id == 0) {
        must(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 && ::raise(SIGSTOP) == 0, "traceme");
        try {
            body();
        } catch (const std::exception& e) {
            std::fprintf(stderr, "%s\n", e.what());
            ::_exit(1);
        }
        ::_exit(0);
    }
    int status = 0;
    must(::waitpid(id, &status, 0) == id && WIFSTOPPED(status), "waitpid");
    constexpr long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE;
    must(::ptrace(PTRACE_SETOPTIONS, id, nullptr, options) == 0, "setoptions");
    must(::ptrace(PTRACE_SYSCALL, id, nullptr, nullptr) == 0, "syscall");
    std::size_t stops = 0;
    for (;;) {
        const pid_t stopped = ::waitpid(-1, &status, __WALL);
        must(stopped > 0, "waitpid");
        if (!WIFSTOPPED(status)) {
            if (stopped != id) continue;
            must(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the counted program failed");
            return stops / 2;
        }
        const int signal = WSTOPSIG(status);
        if (signal == (SIGTRAP | 0x80)) ++stops;
        const bool own = signal == (SIGTRAP | 0x80) || signal == SIGTRAP || signal == SIGSTOP;
        ::ptrace(PTRACE_SYSCALL, stopped, nullptr, own ? 0L : long{signal});
    }
}

}  // namespace test
