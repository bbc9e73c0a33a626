// SPDX-License-Identifier: BSL-1.0
/// The signals that a tracer waits for.
#pragma once

#include <csignal>
#include <ctime>

namespace tool {

/// SIGCHLD, SIGINT and SIGTERM: blocked, and waited for.
class awaited_signals {
public:
    awaited_signals() {
        ::sigemptyset(&awaited_);
        for (const int s : {SIGCHLD, SIGINT, SIGTERM}) ::sigaddset(&awaited_, s);
        std::signal(SIGCHLD, SIG_DFL);  // ignored ones do not come
        ::sigprocmask(SIG_BLOCK, &awaited_, &before_);
    }
    awaited_signals(const awaited_signals&) = delete;
    awaited_signals& operator=(const awaited_signals&) = delete;
    ~awaited_signals() { unblock(); }
    void unblock() const { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    /// For SIGCHLD. False if a signal has come for us.
    bool wait() {
        int which = 0;
        ::sigwait(&awaited_, &which);
        interrupted_ |= which != SIGCHLD;
        return !interrupted_;
    }
    bool interrupted() {
        const timespec now{};
        sigset_t ours = awaited_;
        ::sigdelset(&ours, SIGCHLD);
        while (::sigtimedwait(&ours, nullptr, &now) > 0) interrupted_ = true;
        return interrupted_;
    }
    /// For SIGCHLD, but not long.
    void wait_shortly() const {
        const timespec while_{0, 20'000'000};
        ::sigtimedwait(&awaited_, nullptr, &while_);
    }

private:
    bool interrupted_ = false;
    sigset_t awaited_;
    sigset_t before_;
};

}  // namespace tool
