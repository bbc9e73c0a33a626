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

/// Returns: `size`, or the number of bytes from `where` to 2^64.
std::size_t bytes_before_top(address where, std::size_t size) noexcept {
    const address left = ~where;  // one less, since the last byte is no user's
    return static_cast<std::size_t>(std::min<std::uint64_t>(size, left));
}

/// Moves as many bytes as a server grants that refuses a request of which it cannot serve all: by halves, at page
/// boundaries where there are any, since memory mostly ends there. `move` gets an offset and a size, and returns how
/// many bytes it moved: 0 if the server refused.
/// Cost: one request; two where nothing can be moved; else up to the logarithm of `size` in front of a hole.
template <class Move>
std::size_t longest_prefix(address start, std::size_t size, Move move) {
    constexpr address smallest_page = 4096;
    if (size == 0) return 0;
    if (const std::size_t moved = move(0, size); moved > 0) return moved;
    if (size == 1 || move(0, 1) == 0) return 0;
    std::size_t moved = 1;
    for (std::size_t refused = size; refused - moved > 1;) {
        std::size_t middle = moved + (refused - moved) / 2;
        const address boundary = align_down(start + middle, smallest_page);
        if (boundary > start + moved) middle = static_cast<std::size_t>(boundary - start);
        const std::size_t step = move(moved, middle - moved);
        if (step == 0)
            refused = middle;
        else if (step < middle - moved)
            return moved + step;
        else
            moved = middle;
    }
    return moved;
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

std::size_t gdb_link::most_read(const gdb_connection& connection) const noexcept {
    constexpr std::size_t largest = std::size_t{128} << 10;
    return std::min((connection.packet_size() - 16) / 2, largest);  // half of a binary reply may be escapes
}

std::size_t gdb_link::most_written(const gdb_connection& connection) const noexcept {
    return std::max<std::size_t>((connection.packet_size() - 48) / 2, 1);
}

/// Returns: the number of bytes that the server gives by one packet; 0 if it refuses.
std::size_t gdb_link::read_packet(gdb_connection& connection, address from, std::span<std::byte> to) const {
    if (read_request_ != read_request::hexadecimal) {
        const std::string reply = connection.ask(request('x', from, to.size()));
        std::string_view bytes = reply;
        const bool marked = read_request_ == read_request::binary_with_mark;
        if (marked && is_gdb_error(reply)) return 0;
        if (marked && !reply.starts_with('b')) throw std::system_error(EPROTO, std::system_category());
        if (marked) bytes.remove_prefix(1);
        if (bytes.size() > to.size()) throw std::system_error(EPROTO, std::system_category());
        // Without a mark, three bytes of memory may look like an error: hexadecimal digits are unambiguous.
        if (marked || !is_gdb_error(reply)) {
            std::memcpy(to.data(), bytes.data(), bytes.size());
            return bytes.size();
        }
    }
    const std::string reply = connection.ask(request('m', from, to.size()));
    if (reply.empty() || is_gdb_error(reply)) return 0;
    if (reply.size() / 2 > to.size() || !gdb_from_hex(reply, to.first(reply.size() / 2)))
        throw std::system_error(EPROTO, std::system_category());
    return reply.size() / 2;
}

bool gdb_link::write_packet(gdb_connection& connection, address to, std::span<const std::byte> from) const {
    return connection.ask(request(binary_write_ ? 'X' : 'M', to, from.size()) + ':' +
                          (binary_write_ ? gdb_escaped(from) : gdb_hex(from))) == "OK";
}

std::size_t gdb_link::read_some(address from, std::span<std::byte> to, std::error_code& ec) noexcept {
    return move_by_packets(*this, to.size(), ec, [&](gdb_connection& connection, std::size_t done) {
        const std::size_t size = std::min(bytes_before_top(from + done, to.size() - done), most_read(connection));
        return longest_prefix(from + done, size, [&](std::size_t at, std::size_t count) {
            return read_packet(connection, from + done + at, to.subspan(done + at, count));
        });
    });
}

std::size_t gdb_link::write_some(address to, std::span<const std::byte> from, std::error_code& ec) noexcept {
    return move_by_packets(*this, from.size(), ec, [&](gdb_connection& connection, std::size_t done) {
        const std::size_t size = std::min(bytes_before_top(to + done, from.size() - done), most_written(connection));
        return longest_prefix(to + done, size, [&](std::size_t at, std::size_t count) {
            return write_packet(connection, to + done + at, from.subspan(done + at, count)) ? count : 0;
        });
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
