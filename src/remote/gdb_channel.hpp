// SPDX-License-Identifier: BSL-1.0
/// A connection of bytes to a server, with a time limit.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace vmio::detail {

/// A TCP or Unix connection, or a program that is talked to through its standard input and output.
/// Errors: std::system_error; ETIMEDOUT after the time limit. After an error the connection is of no more use.
class gdb_channel {
public:
    /// `where`: HOST:PORT or [HOST]:PORT, the path of a socket (with a `/`), or `|command`, which /bin/sh runs.
    /// Errors: also std::invalid_argument for anything else.
    gdb_channel(const std::string& where, std::chrono::milliseconds limit);
    gdb_channel(const gdb_channel&) = delete;
    gdb_channel& operator=(const gdb_channel&) = delete;
    /// Closes the connection. A program that does not end by itself within the time limit is killed.
    ~gdb_channel();

    /// Begins a new time limit, for all that is sent and received until the next call.
    void begin() noexcept;
    /// Sends all bytes. Errors: also ECONNRESET if the other side has closed the connection.
    void send(std::string_view bytes);
    /// Receives at least one byte.
    /// Returns: their number. Errors: also ECONNRESET at the end of the connection.
    std::size_t receive(std::span<char> to);

private:
    struct connection;
    std::unique_ptr<connection> connection_;
};

}  // namespace vmio::detail
