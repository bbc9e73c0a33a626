// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <csignal>

#include <sys/wait.h>

#include "processes/child.hpp"

namespace test {

/// Stops a child while the object lives: one that waits on a pipe may still be on its way there.
class stopped {
public:
    explicit stopped(pid_t id) : id_(id) {
        must(::kill(id, SIGSTOP) == 0, "kill");
        siginfo_t info;
        must(::waitid(P_PID, static_cast<id_t>(id), &info, WSTOPPED | WNOWAIT) == 0, "waitid");
    }
    stopped(const stopped&) = delete;
    stopped& operator=(const stopped&) = delete;
    ~stopped() { ::kill(id_, SIGCONT); }

private:
    pid_t id_;
};

}  // namespace test
