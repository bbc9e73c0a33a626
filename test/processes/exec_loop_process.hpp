// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <csignal>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/child.hpp"

namespace test {

/// A fork of this process that, once told, becomes the program of exec_loop.cpp.
class exec_loop_process {
public:
    /// `caller`: "leader" or "thread".
    explicit exec_loop_process(const char* program, const char* caller = "leader") {
        int hold[2];
        must(::pipe2(hold, O_CLOEXEC) == 0, "pipe2");
        id_ = ::fork();
        if (id_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::close(hold[1]);
            char byte;
            if (::read(hold[0], &byte, 1) == 1) ::execl(program, "exec_loop", caller, nullptr);
            ::_exit(127);
        }
        ::close(hold[0]);
        hold_ = hold[1];
    }
    exec_loop_process(const exec_loop_process&) = delete;
    exec_loop_process& operator=(const exec_loop_process&) = delete;
    ~exec_loop_process() {
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
        ::close(hold_);
    }

    pid_t id() const { return id_; }
    void begin() { must(::write(hold_, "", 1) == 1, "write"); }

private:
    pid_t id_ = 0;
    int hold_ = -1;
};

}  // namespace test
