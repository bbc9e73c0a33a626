// SPDX-License-Identifier: BSL-1.0
#include "remote/gdb_channel.hpp"

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>

// C++20 has no std::result_of, which Boost 1.74 would use with libc++.
#ifndef BOOST_ASIO_HAS_STD_INVOKE_RESULT
#define BOOST_ASIO_HAS_STD_INVOKE_RESULT 1
#endif
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include "remote/piped_command.hpp"

namespace vmio::detail {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using local = asio::local::stream_protocol;

struct gdb_channel::connection {
    using clock = std::chrono::steady_clock;

    connection(const std::string& where, std::chrono::milliseconds time_limit)
        : limit(time_limit), end(clock::now() + limit), socket(io) {
        if (where.starts_with('|'))
            start(where.substr(1));
        else if (where.find('/') != where.npos)
            connect_local(where);
        else
            connect_tcp(where);
    }

    /// Asio's sockets are not close-on-exec.
    template <class Socket>
    static void close_on_exec(Socket& of) {
        ::fcntl(of.native_handle(), F_SETFD, FD_CLOEXEC);
    }

    void start(const std::string& command) {
        local::socket ours(io);
        local::socket theirs(io);
        asio::local::connect_pair(ours, theirs);
        close_on_exec(ours);
        close_on_exec(theirs);
        program = piped_command(command, theirs.native_handle(), limit);
        socket = std::move(ours);
    }

    void connect_local(const std::string& path) {
        local::socket to(io);
        to.open();
        close_on_exec(to);
        finish(to, [&](auto handler) { to.async_connect(local::endpoint(path), handler); });
        socket = std::move(to);
    }

    void connect_tcp(const std::string& where) {
        const std::size_t colon = where.rfind(':');
        if (colon == where.npos || colon + 1 == where.size())
            throw std::invalid_argument("vmio::gdb_remote_memory: '" + where +
                                        "' is neither HOST:PORT nor the path of a socket nor '|command'");
        std::string host = where.substr(0, colon);
        if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
        if (host.empty()) host = "localhost";
        const auto found = tcp::resolver(io).resolve(host, where.substr(colon + 1));
        tcp::socket to(io);
        boost::system::error_code last;
        bool connected = false;
        for (auto place = found.begin(); place != found.end() && !connected; ++place) {
            to = tcp::socket(io, place->endpoint().protocol());
            close_on_exec(to);
            last = attempt(to, [&](auto handler) { to.async_connect(place->endpoint(), handler); });
            connected = !last;
        }
        if (!connected) throw std::system_error(last ? last : asio::error::host_not_found);
        to.set_option(tcp::no_delay(true));
        socket = std::move(to);
    }

    /// Runs one asynchronous operation of `of` until it has ended or the time limit is over.
    template <class Socket, class Start>
    boost::system::error_code attempt(Socket& of, Start start_operation) {
        boost::system::error_code result = asio::error::would_block;
        start_operation([&](const boost::system::error_code& ec, auto&&...) { result = ec; });
        io.restart();
        io.run_until(end);
        if (io.stopped()) return result;
        boost::system::error_code ignored;
        of.close(ignored);
        io.run();
        return boost::system::errc::make_error_code(boost::system::errc::timed_out);
    }
    template <class Socket, class Start>
    void finish(Socket& of, Start start_operation) {
        if (const auto ec = attempt(of, start_operation)) throw std::system_error(ec);
    }

    const std::chrono::milliseconds limit;
    clock::time_point end;
    asio::io_context io{1};
    asio::generic::stream_protocol::socket socket;
    piped_command program;  // ends after the socket is closed
};

gdb_channel::gdb_channel(const std::string& where, std::chrono::milliseconds limit) {
    try {
        connection_ = std::make_unique<connection>(where, limit);
    } catch (const boost::system::system_error& e) {
        throw std::system_error(e.code());
    }
}

gdb_channel::~gdb_channel() {
    boost::system::error_code ignored;
    connection_->socket.close(ignored);
}

void gdb_channel::begin() noexcept {
    connection_->end = connection::clock::now() + connection_->limit;
}

void gdb_channel::send(std::string_view bytes) {
    const auto ec = connection_->attempt(connection_->socket, [&](auto handler) {
        asio::async_write(connection_->socket, asio::buffer(bytes.data(), bytes.size()), handler);
    });
    if (ec == asio::error::broken_pipe) throw std::system_error(ECONNRESET, std::system_category());
    if (ec) throw std::system_error(ec);
}

std::size_t gdb_channel::receive(std::span<char> to) {
    std::size_t size = 0;
    const auto ec = connection_->attempt(connection_->socket, [&](auto handler) {
        connection_->socket.async_receive(asio::buffer(to.data(), to.size()),
                                          [&size, handler](const boost::system::error_code& e, std::size_t n) {
                                              size = n;
                                              handler(e, n);
                                          });
    });
    if (ec == asio::error::eof) throw std::system_error(ECONNRESET, std::system_category());
    if (ec) throw std::system_error(ec);
    return size;
}

}  // namespace vmio::detail
