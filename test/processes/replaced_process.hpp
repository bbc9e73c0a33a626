// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <csignal>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/child.hpp"

namespace test {

/// cat(1) in the place of a fork of this process, once told.
class replaced_process {
public:
    replaced_process() {
        must(::pipe2(hold_, O_CLOEXEC) == 0 && ::pipe2(executed_, O_CLOEXEC) == 0 && ::pipe2(go_, O_CLOEXEC) == 0,
             "pipe2");
        id_ = ::fork();
        if (id_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            char byte;
            ::dup2(hold_[0], 0);
            must(::read(go_[0], &byte, 1) == 1, "read");
            ::execlp("cat", "cat", nullptr);
            ::_exit(127);
        }
        ::close(executed_[1]);
    }
    replaced_process(const replaced_process&) = delete;
    replaced_process& operator=(const replaced_process&) = delete;
    ~replaced_process() {
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
        for (const int fd : {hold_[0], hold_[1], executed_[0], go_[0], go_[1]}) ::close(fd);
    }

    pid_t id() const { return id_; }

    void exec() {
        char byte;
        must(::write(go_[1], "", 1) == 1, "write");
        must(::read(executed_[0], &byte, 1) == 0, "exec");
    }

private:
    pid_t id_ = 0;
    int hold_[2];
    int executed_[2];
    int go_[2];
};

}  // namespace test
