// SPDX-License-Identifier: BSL-1.0
#include "remote/gdb_link.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <string_view>

#include "base/system_error.hpp"

namespace vmio::detail {
namespace {

/// Runs move(connection, done), which moves a part and returns its size or 0, until all `size` bytes are moved.
/// Returns: the number of bytes; 0 with an error: EFAULT if the server refused the first one.
template <class Move>
std::size_t move_by_packets(gdb_link& link, std::size_t size, std::error_code& ec, Move move) noexcept {
    ec.clear();
    std::size_t done = 0;
    try {
        link.with_connection([&](gdb_connection& connection) {
            while (done < size) {
                const std::size_t step = move(connection, done);
                done += step;
                if (step == 0) break;
            }
        });
        if (done == 0 && size > 0) ec = system_error_of(EFAULT);
    } catch (const std::system_error& e) {
        ec = e.code();
    } catch (const std::exception&) {
        ec = system_error_of(ENOMEM);
    }
    if (done > 0) ec.clear();
    return done;
}

std::string request(char kind, address where, std::size_t size) {
    return kind + gdb_number(where) + ',' + gdb_number(size);
}

}  // namespace

gdb_link::gdb_link(const std::string& where, std::chrono::milliseconds limit)
    : connection_(std::in_place, where, limit) {
    process_id_ = connection_->process_id();
    choose_requests();
}

void gdb_link::choose_requests() {
    if (connection_->has("binary-upload"))
        read_request_ = read_request::binary_with_mark;
    else if (connection_->ask("x0,0") == "OK")  // lldb-server
        read_request_ = read_request::binary;
    binary_write_ = connection_->ask("X0,0:") == "OK";
}

/// Returns: 0 if the server refuses.
std::size_t gdb_link::read_packet(gdb_connection& connection, address from, std::span<std::byte> to) {
    constexpr std::size_t largest = std::size_t{128} << 10;
    if (read_request_ != read_request::hexadecimal) {
        // Half of the bytes of a reply may be escapes.
        const std::size_t most = std::min({to.size(), (connection.packet_size() - 16) / 2, largest});
        const std::string reply = connection.ask(request('x', from, most));
        std::string_view bytes = reply;
        const bool marked = read_request_ == read_request::binary_with_mark;
        if (marked && bytes.starts_with('b'))
            bytes.remove_prefix(1);
        else if (marked && is_gdb_error(reply))
            return 0;
        else if (marked)
            throw std::system_error(EPROTO, std::system_category());
        if (bytes.size() > most) throw std::system_error(EPROTO, std::system_category());
        // Without a mark, three bytes of memory may look like an error: hexadecimal digits are unambiguous.
        if (marked || !is_gdb_error(reply)) {
            std::memcpy(to.data(), bytes.data(), bytes.size());
            return bytes.size();
        }
    }
    const std::size_t most = std::min({to.size(), (connection.packet_size() - 8) / 2, largest});
    const std::string reply = connection.ask(request('m', from, most));
    if (reply.empty() || is_gdb_error(reply)) return 0;
    if (reply.size() / 2 > most || !gdb_from_hex(reply, to.first(reply.size() / 2)))
        throw std::system_error(EPROTO, std::system_category());
    return reply.size() / 2;
}

std::size_t gdb_link::write_packet(gdb_connection& connection, address to, std::span<const std::byte> from) {
    const std::size_t room = (connection.packet_size() - 48) / 2;  // an escaped byte takes two, a hexadecimal one, too
    const auto part = from.first(std::min(from.size(), std::max<std::size_t>(room, 1)));
    const std::string reply = connection.ask(request(binary_write_ ? 'X' : 'M', to, part.size()) + ':' +
                                             (binary_write_ ? gdb_escaped(part) : gdb_hex(part)));
    return reply == "OK" ? part.size() : 0;
}

std::size_t gdb_link::read_some(address from, std::span<std::byte> to, std::error_code& ec) noexcept {
    return move_by_packets(*this, to.size(), ec, [&](gdb_connection& connection, std::size_t done) {
        return from + done < from ? 0 : read_packet(connection, from + done, to.subspan(done));
    });
}

std::size_t gdb_link::write_some(address to, std::span<const std::byte> from, std::error_code& ec) noexcept {
    return move_by_packets(*this, from.size(), ec, [&](gdb_connection& connection, std::size_t done) {
        return to + done < to ? 0 : write_packet(connection, to + done, from.subspan(done));
    });
}

void gdb_link::close(bool detach) {
    const std::lock_guard lock(mutex_);
    if (!connection_) return;
    failed_ = system_error_of(EBADF);
    usable_ = false;
    // Destroyed also if detach() throws.
    struct closing {
        std::optional<gdb_connection>& connection;
        ~closing() { connection.reset(); }
    } const now{connection_};
    if (detach) connection_->detach();
}

}  // namespace vmio::detail
