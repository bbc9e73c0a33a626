// SPDX-License-Identifier: BSL-1.0
/// Memory requests of the GDB Remote Serial Protocol.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include <sys/types.h>

#include <vmio/address.hpp>

#include "remote/gdb_connection.hpp"

namespace vmio::detail {

/// A connection that several threads use, and that keeps its first error. A memory_reader and memory_writer.
class gdb_link {
public:
    gdb_link(const std::string& where, std::chrono::milliseconds limit);

    std::size_t read_some(address from, std::span<std::byte> to, std::error_code& ec) noexcept;
    std::size_t write_some(address to, std::span<const std::byte> from, std::error_code& ec) noexcept;

    /// Calls f(gdb_connection&) unless the connection has failed or is closed.
    /// Returns: its result. Errors: std::system_error: the first one of the connection; EBADF once it is closed.
    template <class F>
    auto with_connection(F f) {
        const std::lock_guard lock(mutex_);
        if (failed_) throw std::system_error(failed_);
        try {
            return f(*connection_);
        } catch (const std::system_error& e) {
            fail(e.code());
            throw;
        } catch (...) {
            fail(std::make_error_code(std::errc::not_enough_memory));  // a reply may be left unread
            throw;
        }
    }

    /// Errors: std::system_error if the server did not confirm.
    void close(bool detach);

    pid_t process_id() const noexcept { return process_id_; }

    /// Whether the connection can be used.
    bool usable() const noexcept { return usable_.load(std::memory_order_relaxed); }

private:
    void fail(std::error_code why) noexcept {
        failed_ = why;
        usable_ = false;
        connection_.reset();
    }

    enum class read_request { hexadecimal, binary, binary_with_mark };

    void choose_requests();
    std::size_t most_read(const gdb_connection&) const noexcept;
    std::size_t most_written(const gdb_connection&) const noexcept;
    std::size_t read_packet(gdb_connection&, address from, std::span<std::byte> to) const;
    bool write_packet(gdb_connection&, address to, std::span<const std::byte> from) const;

    std::mutex mutex_;
    std::optional<gdb_connection> connection_;
    std::error_code failed_;
    std::atomic<bool> usable_ = true;
    pid_t process_id_ = 0;
    read_request read_request_ = read_request::hexadecimal;
    bool binary_write_ = false;
};

}  // namespace vmio::detail
