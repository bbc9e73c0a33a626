// SPDX-License-Identifier: BSL-1.0
/// A command of the shell at the other end of a socket.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include <sys/types.h>

namespace vmio::detail {

/// A child process that runs until it sees the end of its input, or is killed.
class piped_command {
public:
    /// None.
    piped_command() noexcept = default;
    /// Starts /bin/sh -c `command` with `socket` as its standard input and output. Its signals are as a new program
    /// expects them.
    /// Errors: std::system_error.
    piped_command(const std::string& command, int socket, std::chrono::milliseconds limit);
    piped_command(piped_command&& other) noexcept : id_(std::exchange(other.id_, 0)), limit_(other.limit_) {}
    piped_command& operator=(piped_command&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(limit_, other.limit_);
        return *this;
    }
    /// Waits for it to end; kills it after the time limit.
    ~piped_command();

private:
    bool ended(int options) const noexcept;

    pid_t id_ = 0;
    std::chrono::milliseconds limit_{0};
};

}  // namespace vmio::detail
