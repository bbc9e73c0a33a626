// SPDX-License-Identifier: BSL-1.0
/// A real process to read from and write to.
#pragma once

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef VMIO_COVERAGE
extern "C" void __gcov_dump();
#endif

namespace test {

inline void must(bool holds, const char* what) {
    if (holds) return;
    std::perror(what);
    std::abort();
}

/// A fork of this process: the same memory at the same addresses, of its own. It runs `body` and then waits on a pipe
/// until the object goes. Once the object exists, `body` has run.
class child_process {
public:
    explicit child_process(const std::function<void()>& body = [] {}) {
        int ready[2];
        int hold[2];
        must(::pipe(ready) == 0 && ::pipe(hold) == 0, "pipe");
        const pid_t parent = ::getpid();
        id_ = ::fork();
        must(id_ >= 0, "fork");
        if (id_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != parent) ::_exit(1);
            ::close(ready[0]);
            ::close(hold[1]);
            body();
            wait(ready[1], hold[0]);
        }
        ::close(ready[1]);
        ::close(hold[0]);
        hold_ = hold[1];
        char byte;
        must(::read(ready[0], &byte, 1) == 1, "the child ended before it was ready");
        ::close(ready[0]);
    }
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;
    ~child_process() {
        end();
        ::close(hold_);
    }

    pid_t id() const { return id_; }

    /// Ends it and leaves a zombie.
    void kill() {
        must(::kill(id_, SIGKILL) == 0, "kill");
        siginfo_t info;
        must(::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOWAIT) == 0, "waitid");
    }

    /// Ends it and reaps it.
    void end() {
        if (ended_) return;
        ended_ = true;
        ::kill(id_, SIGKILL);
        must(::waitpid(id_, nullptr, 0) == id_, "waitpid");
    }

    /// It has been waited for elsewhere.
    void forget() { ended_ = true; }

private:
    /// Once it has said that it is ready nothing of it changes, not even the counters of a coverage build.
    [[noreturn, gnu::no_profile_instrument_function]] static void wait(int ready, int hold) {
        char byte = 0;
        if (::write(ready, &byte, 1) != 1) ::_exit(1);
        while (::read(hold, &byte, 1) > 0) {
        }
        ::_exit(0);
    }

    pid_t id_ = 0;
    int hold_ = -1;
    bool ended_ = false;
};

/// Runs `body(pid)` on this process and on a child. What `body` looks at must exist before.
template <class Body>
void on_self_and_child(Body&& body) {
    body(::getpid());
    child_process child;
    body(child.id());
}

/// Leaves a fork at once. What it ran is counted nonetheless, where coverage is measured.
[[noreturn]] inline void leave(int status) {
#ifdef VMIO_COVERAGE
    ::__gcov_dump();
#endif
    ::_exit(status);
}

/// Runs `body` in a process of its own and returns its exit status, 99 after an exception.
inline int in_a_process(const std::function<int()>& body) {
    const pid_t id = ::fork();
    must(id >= 0, "fork");
    if (id == 0) {
        int status = 99;
        try {
            status = body();
        } catch (const std::exception& e) {
            std::fprintf(stderr, "%s\n", e.what());
        }
        leave(status);
    }
    int status = 0;
    must(::waitpid(id, &status, 0) == id, "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// The same as the user nobody; needs root.
inline int as_nobody(const std::function<int()>& body) {
    return in_a_process([&] {
        must(::setgid(65534) == 0 && ::setuid(65534) == 0, "setuid");
        return body();
    });
}

}  // namespace test
