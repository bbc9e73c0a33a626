// SPDX-License-Identifier: BSL-1.0
/// The memory of a target behind a server of the GDB Remote Serial Protocol: gdbserver, qemu, OpenOCD, lldb-server.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>

namespace vmio {

/// Options of a gdb_remote_memory.
struct gdb_remote_options {
    /// The limit for connecting and for each request. A server that does not answer in time is not asked again.
    std::chrono::milliseconds timeout{5000};
    /// The number of bytes of the target that are cached, which is right as long as it is stopped; 0: none.
    std::size_t cache_size = std::size_t{4} << 20;
    /// Let the target continue when the connection is closed, as a debugger does that detaches. false: only disconnect;
    /// what then happens is up to the server.
    bool detach_at_close = true;
};

/// The memory of the target of a debugging server. A server stops its target when a debugger connects: the memory is of
/// one moment until close(), or until the last copy is destroyed.
///
/// Copies share the connection; all members are thread-safe and exclude each other. A moved-from gdb_remote_memory can
/// only be assigned to and destroyed.
///
/// **Errors.** A connection that failed (closed by the server, damaged data, an answer that did not come in time) fails
/// every later call with the same errno, at once. Damaged packets are never taken for memory: each has a checksum, and
/// where the server acknowledges packets they are sent again.
class VMIO_EXPORT gdb_remote_memory {
public:
    /// Connects to `where`: HOST:PORT ([HOST]:PORT for IPv6, :PORT for this machine), the path of a Unix socket (with a
    /// `/`), or `|command`, which /bin/sh runs and whose standard input and output are the connection.
    /// Errors: std::invalid_argument if `where` is none of these; memory_error: those of connect(2); ESRCH, the server
    /// has no running target; ETIMEDOUT; EPROTO, not such a server.
    explicit gdb_remote_memory(std::string_view where, const gdb_remote_options& options = {});

    /// See memory_reader. Errors: EFAULT where the server cannot read; EBADF after close(); those of the class.
    /// Cost: one round trip for each packet of the server's size, from 1 to 128 KiB.
    std::size_t read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept;
    /// See memory_writer. Servers write also where the program itself may not, as for breakpoints.
    std::size_t write_some(address to, std::span<const std::byte> from, std::error_code& ec) const noexcept;

    /// Returns: what can be read, sorted, where the server tells: from its memory map, or from the mappings of a Linux
    /// process; else empty.
    /// Errors: memory_error.
    std::vector<address_range> ranges() const;
    /// Returns: the text of /proc/PID/maps (proc_pid_maps(5)) of a Linux process, from the server's machine; else
    /// empty. Errors: memory_error.
    std::string maps_text() const;
    /// Returns: the auxiliary vector (getauxval(3)) of a Linux process; else empty.
    /// Errors: memory_error.
    std::vector<std::byte> auxiliary_vector() const;
    /// Returns: the path of the program on the server's machine; empty if the server does not tell.
    /// Errors: memory_error.
    std::string executable() const;

    /// Returns: the id of the process on the server's machine; 0 if the server does not tell.
    pid_t process_id() const noexcept;
    /// For errors: see naming.
    /// @{
    static const char* read_operation() noexcept { return "read by the GDB remote protocol"; }
    static const char* write_operation() noexcept { return "write by the GDB remote protocol"; }
    /// @}

    /// Drops what is cached, after the target has run or was written by others.
    void invalidate() noexcept;

    /// Ends the connection of all copies; see gdb_remote_options::detach_at_close. A no-op if it is closed.
    /// Errors: memory_error if the server did not confirm that it detached.
    void close();

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace vmio
