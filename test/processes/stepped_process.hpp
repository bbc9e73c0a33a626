// SPDX-License-Identifier: BSL-1.0
/// A fork that acts when it is told to.
#pragma once

#include <csignal>
#include <cstdint>
#include <fstream>
#include <functional>
#include <string>

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmio/pause_guard.hpp>

#include "processes/child.hpp"

namespace test {

/// For targets whose threads run all the time, on machines that are busy.
constexpr vmio::pause_options no_limits{std::chrono::milliseconds(0), std::chrono::milliseconds(0)};

/// Runs `body(n)` in a fork for each step(n).
class stepped_process {
public:
    explicit stepped_process(const std::function<void(int)>& body) {
        int to[2];
        int from[2];
        must(::pipe(to) == 0 && ::pipe(from) == 0, "pipe");
        id_ = ::fork();
        must(id_ >= 0, "fork");
        if (id_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::close(to[1]);
            ::close(from[0]);
            obey(body, to[0], from[1]);
        }
        ::close(to[0]);
        ::close(from[1]);
        to_ = to[1];
        from_ = from[0];
        wait();
    }
    stepped_process(const stepped_process&) = delete;
    stepped_process& operator=(const stepped_process&) = delete;
    ~stepped_process() {
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
        ::close(to_);
        ::close(from_);
    }

    pid_t id() const { return id_; }

    /// Returns when the body has run.
    void step(int n = 0) {
        begin(n);
        wait();
    }
    /// Returns at once: for a body that does not come back.
    void begin(int n) { must(::write(to_, &n, sizeof n) == sizeof n, "write"); }

    /// Waits until it waits for its next step.
    void wait_until_idle() const {
        while (!call().starts_with(next_step)) {
        }
    }
    /// Waits until it waits in another system call, having begun a step.
    void wait_until_it_waits_in_a_step() const {
        for (std::string now = call(); now == "running" || now.starts_with(next_step); now = call()) {
        }
    }

private:
    inline static const std::string next_step = std::to_string(SYS_read) + ' ';

    /// The system call that it waits in: its number and arguments.
    std::string call() const {
        std::string line;
        std::getline(std::ifstream("/proc/" + std::to_string(id_) + "/syscall"), line);
        return line;
    }
    [[noreturn, gnu::no_profile_instrument_function]] static void obey(const std::function<void(int)>& body, int in,
                                                                       int out) {
        char byte = 0;
        for (int n = 0; ::write(out, &byte, 1) == 1 && ::read(in, &n, sizeof n) == sizeof n;) body(n);
        ::_exit(0);
    }
    void wait() const {
        char byte;
        must(::read(from_, &byte, 1) == 1, "the child has ended");
    }

    pid_t id_ = 0;
    int to_ = -1;
    int from_ = -1;
};

}  // namespace test
