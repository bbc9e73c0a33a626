// SPDX-License-Identifier: BSL-1.0
/// gdbserver, attached to a process.
#pragma once

#include <csignal>
#include <cstdio>
#include <string>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/child.hpp"

namespace test {

inline bool has_gdb_server() {
    return ::access("/usr/bin/gdbserver", X_OK) == 0;
}

/// Waits for one debugger at a TCP port of this machine, and ends when that has gone.
class gdb_server {
public:
    explicit gdb_server(pid_t target) {
        int said[2];
        must(::pipe2(said, O_CLOEXEC) == 0, "pipe2");
        id_ = ::fork();
        must(id_ >= 0, "fork");
        if (id_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::dup2(said[1], STDOUT_FILENO);
            ::dup2(said[1], STDERR_FILENO);
            const std::string number = std::to_string(target);
            ::execl("/usr/bin/gdbserver", "gdbserver", "--once", "--attach", "127.0.0.1:0", number.c_str(), nullptr);
            ::_exit(127);
        }
        ::close(said[1]);
        said_ = ::fdopen(said[0], "r");
        char line[512];
        while (std::fgets(line, sizeof line, said_) != nullptr)
            if (std::sscanf(line, "Listening on port %d", &port_) == 1) return;
        must(false, "gdbserver does not listen");
    }
    gdb_server(const gdb_server&) = delete;
    gdb_server& operator=(const gdb_server&) = delete;
    ~gdb_server() {
        kill();
        std::fclose(said_);
    }

    std::string place() const { return "127.0.0.1:" + std::to_string(port_); }
    int port() const { return port_; }

    /// Ends it at once.
    void kill() {
        if (id_ <= 0) return;
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
        id_ = 0;
    }

private:
    pid_t id_ = 0;
    std::FILE* said_ = nullptr;
    int port_ = 0;
};

}  // namespace test
