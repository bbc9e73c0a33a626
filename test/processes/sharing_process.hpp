// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <csignal>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/child.hpp"

namespace test {

/// How a process came to share its memory, that of a fork of this one, with another process.
enum class sharing { cloned_another, was_cloned, was_vforked };

/// A process that shares its memory with another one, becomes cat(1) once told to, and so leaves it to the other one.
class sharing_process {
public:
    explicit sharing_process(sharing how) {
        must(::pipe2(hold_, O_CLOEXEC) == 0 && ::pipe2(executed_, O_CLOEXEC) == 0 && ::pipe2(go_, O_CLOEXEC) == 0 &&
                 ::pipe2(ready_, O_CLOEXEC) == 0,
             "pipe2");
        fork_ = ::fork();
        must(fork_ >= 0, "fork");
        if (fork_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            begin(how);
        }
        ::close(executed_[1]);
        must(::read(ready_[0], &id_, sizeof id_) == static_cast<ssize_t>(sizeof id_), "the target is ready");
    }
    sharing_process(const sharing_process&) = delete;
    sharing_process& operator=(const sharing_process&) = delete;
    ~sharing_process() {
        for (const int fd : {hold_[0], hold_[1], executed_[0], go_[0], go_[1], ready_[0], ready_[1]}) ::close(fd);
        ::kill(id_, SIGKILL);
        ::kill(fork_, SIGKILL);
        ::waitpid(fork_, nullptr, 0);
    }

    pid_t id() const { return id_; }

    /// Returns once the target runs the other program.
    void exec() {
        char byte;
        must(::write(go_[1], "", 1) == 1, "write");
        must(::read(executed_[0], &byte, 1) == 0, "exec");
    }

private:
    [[noreturn]] void begin(sharing how) {
        if (how == sharing::was_vforked) {
            if (::vfork() == 0) become_cat();
        } else {
            must(::clone(how == sharing::was_cloned ? become_cat_of : stay_of, stack_ + sizeof stack_,
                         CLONE_VM | SIGCHLD, this) > 0,
                 "clone");
            if (how == sharing::cloned_another) become_cat();
        }
        stay();
    }

    static int become_cat_of(void* self) { static_cast<sharing_process*>(self)->become_cat(); }
    static int stay_of(void* self) { static_cast<sharing_process*>(self)->stay(); }

    // Only system calls: both processes run in one memory.
    [[noreturn]] void become_cat() {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const auto id = static_cast<pid_t>(::syscall(SYS_getpid));
        char byte;
        ::dup2(hold_[0], 0);
        if (::write(ready_[1], &id, sizeof id) == sizeof id && ::read(go_[0], &byte, 1) == 1)
            ::execlp("cat", "cat", nullptr);
        ::_exit(127);
    }
    [[noreturn]] void stay() {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::close(executed_[1]);
        for (;;) ::pause();
    }

    int hold_[2];
    int executed_[2];
    int go_[2];
    int ready_[2];
    pid_t fork_ = -1;
    pid_t id_ = -1;
    alignas(16) char stack_[1 << 16];
};

}  // namespace test
