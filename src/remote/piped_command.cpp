// SPDX-License-Identifier: BSL-1.0
#include "remote/piped_command.hpp"

#include <cerrno>
#include <csignal>
#include <system_error>
#include <thread>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cancellation.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {
namespace {

void check(int error) {
    if (error != 0) throw std::system_error(error, std::system_category());
}

struct file_actions {
    file_actions() { check(::posix_spawn_file_actions_init(&value)); }
    file_actions(const file_actions&) = delete;
    file_actions& operator=(const file_actions&) = delete;
    ~file_actions() { ::posix_spawn_file_actions_destroy(&value); }
    posix_spawn_file_actions_t value;
};

struct attributes {
    attributes() { check(::posix_spawnattr_init(&value)); }
    attributes(const attributes&) = delete;
    attributes& operator=(const attributes&) = delete;
    ~attributes() { ::posix_spawnattr_destroy(&value); }
    posix_spawnattr_t value;
};

}  // namespace

piped_command::piped_command(const std::string& command, int socket, std::chrono::milliseconds limit) : limit_(limit) {
    file_actions actions;
    check(::posix_spawn_file_actions_adddup2(&actions.value, socket, STDIN_FILENO));
    check(::posix_spawn_file_actions_adddup2(&actions.value, socket, STDOUT_FILENO));
    attributes settings;
    sigset_t signals;
    ::sigemptyset(&signals);
    check(::posix_spawnattr_setsigmask(&settings.value, &signals));
    ::sigfillset(&signals);
    check(::posix_spawnattr_setsigdefault(&settings.value, &signals));
    // In a group of its own, so that an interrupt of the terminal does not end it before the target was detached.
    check(::posix_spawnattr_setpgroup(&settings.value, 0));
    check(::posix_spawnattr_setflags(&settings.value,
                                     POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
    const char* const arguments[] = {"sh", "-c", command.c_str(), nullptr};
    check(
        ::posix_spawn(&id_, "/bin/sh", &actions.value, &settings.value, const_cast<char* const*>(arguments), environ));
}

/// Whether the command has ended, or somebody else has waited for it.
bool piped_command::ended(int options) const noexcept {
    siginfo_t info{};
    if (sys::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | options) != 0)
        return last_system_error().value() != EINTR;
    return info.si_pid != 0;
}

piped_command::~piped_command() {
    if (id_ == 0) return;
    const cancellation_disabled now;
    const auto end = std::chrono::steady_clock::now() + limit_;
    while (!ended(WNOHANG)) {
        if (std::chrono::steady_clock::now() >= end) {
            ::kill(-id_, SIGKILL);
            while (!ended(0)) {
            }
            return;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

}  // namespace vmio::detail
