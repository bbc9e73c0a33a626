// SPDX-License-Identifier: BSL-1.0
/// Ending by a signal with nothing left behind.
#pragma once

#include <array>
#include <csignal>
#include <cstdlib>
#include <exception>

namespace tool {

/// A signal has come that would have ended the tool.
struct interrupted : std::exception {
    const char* what() const noexcept override { return "interrupted by a signal"; }
};

/// From now on the first signal that would end the tool is only noted, for check(); the same signal once more ends it.
/// Signals that are ignored, as by nohup(1), stay so.
class interruption {
public:
    static void note_signals() {
        struct sigaction noting {};
        noting.sa_handler = [](int signal) { noted = signal; };
        noting.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
        const auto note = [&](int signal) {
            struct sigaction now {};
            if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_DFL)
                ::sigaction(signal, &noting, nullptr);
        };
        constexpr std::array ending{SIGHUP,  SIGINT,    SIGQUIT, SIGALRM, SIGTERM, SIGUSR1,
                                    SIGUSR2, SIGVTALRM, SIGPROF, SIGIO,   SIGXCPU, SIGPWR};
        for (const int signal : ending) note(signal);
        for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) note(signal);
    }

    static void check() {
        if (noted != 0) throw interrupted();
    }

    /// By the signal that was noted, as its sender expects.
    [[noreturn]] static void end() {
        std::signal(noted, SIG_DFL);
        std::raise(noted);
        std::_Exit(128 + noted);  // it is blocked
    }

private:
    static inline volatile std::sig_atomic_t noted = 0;
};

}  // namespace tool
