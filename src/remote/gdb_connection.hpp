// SPDX-License-Identifier: BSL-1.0
/// A session of the GDB Remote Serial Protocol.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "remote/gdb_channel.hpp"
#include "remote/gdb_packet.hpp"

namespace vmio::detail {

/// Requests and replies, one at a time. Not thread-safe.
/// Errors: std::system_error: those of gdb_channel; EPROTO for a reply that is damaged, invalid or too long. After an
/// error the session is of no more use.
class gdb_connection {
public:
    /// Connects and agrees on what both support. A server stops its target when a debugger connects.
    gdb_connection(const std::string& where, std::chrono::milliseconds limit);
    gdb_connection(const gdb_connection&) = delete;
    gdb_connection& operator=(const gdb_connection&) = delete;

    /// Sends a request and waits for its reply, no longer than the time limit.
    /// Returns: the reply; empty if the server does not know the request.
    std::string ask(std::string_view request);

    /// Lets go of the target, which continues. Errors: also EPROTO if the server does not confirm.
    void detach();

    /// The longest packet that the server takes and gives, in bytes.
    std::size_t packet_size() const noexcept { return packet_size_; }
    /// The server's process id of the target; 0 if it does not say.
    pid_t process_id() const noexcept { return process_id_; }
    /// Whether the server said that it has the feature: "qXfer:auxv:read", for example.
    bool has(std::string_view feature) const noexcept;

    /// Reads a whole object: the request `qXfer` of the manual, "General Query Packets".
    /// Returns: empty if the server does not have it. Errors: EMSGSIZE if it is longer than 16 MiB.
    std::string read_object(std::string_view object, std::string_view annex);

private:
    std::string receive();
    void agree();
    pid_t ask_process_id(const std::string& stop_reply);

    gdb_channel channel_;
    gdb_packet_parser parser_;
    std::array<char, 65536> buffer_;
    std::string_view unread_;
    std::string features_;
    std::size_t packet_size_ = 400;
    pid_t process_id_ = 0;
    bool acknowledged_ = true;  ///< each packet is acknowledged by a `+`, which the server may agree to leave out
    bool multiprocess_ = false;
};

/// Whether a reply is an error: `E` and two hexadecimal digits, or `E.` and a text.
bool is_gdb_error(std::string_view reply) noexcept;

}  // namespace vmio::detail
