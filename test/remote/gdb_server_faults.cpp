// SPDX-License-Identifier: BSL-1.0
/// Servers and connections that do what they should not.
#include <vmio/gdb_remote_memory.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>

#include "remote/gdb_packet.hpp"

#include "processes/child.hpp"
#include "support/error_of.hpp"
#include "support/pages.hpp"
#include "support/scratch.hpp"

using test::must;
using vmio::gdb_remote_memory;
using vmio::detail::gdb_packet;
using vmio::detail::gdb_packet_parser;

namespace {

/// At the end of a reply: the connection is closed after it.
const std::string closed = "<closed>";

/// A server in a thread, which answers packets as `answer` says; each byte of memory is the pattern of its address.
class false_server {
public:
    /// Gets a request; returns what is sent, with its frame. Nothing: the connection is closed.
    using answering = std::function<std::string(const std::string& request)>;

    explicit false_server(answering answer) : answer_(std::move(answer)), path_(directory_ / "socket") {
        listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        path_.copy(name.sun_path, sizeof name.sun_path - 1);
        must(::bind(listening_, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0, "bind");
        must(::listen(listening_, 1) == 0, "listen");
        thread_ = std::thread([this] { serve(); });
    }
    false_server(const false_server&) = delete;
    false_server& operator=(const false_server&) = delete;
    ~false_server() {
        ::shutdown(listening_, SHUT_RDWR);
        thread_.join();
        ::close(listening_);
    }

    const std::string& place() const { return path_; }

private:
    void serve() {
        const int connection = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) return;
        gdb_packet_parser parser(1 << 20);
        char bytes[4096];
        for (ssize_t got; (got = ::read(connection, bytes, sizeof bytes)) > 0;) {
            std::string_view input(bytes, static_cast<std::size_t>(got));
            while (!input.empty()) {
                if (parser.next(input) != gdb_packet_parser::event::packet) continue;
                const std::string reply = answer_(parser.body());
                if (reply.empty()) {
                    ::close(connection);
                    return;
                }
                const bool closes = reply.ends_with(closed);
                const std::size_t size = reply.size() - (closes ? closed.size() : 0);
                if (::send(connection, reply.data(), size, MSG_NOSIGNAL) < 0 || closes) {
                    ::close(connection);
                    return;
                }
            }
        }
        ::close(connection);
    }

    const answering answer_;
    const test::scratch_directory directory_;
    const std::string path_;
    int listening_ = -1;
    std::thread thread_;
};

/// A simple server's reply, without the frame; it acknowledges packets, as it says.
std::string simple(const std::string& request, const std::string& features = "PacketSize=100") {
    unsigned long where = 0;
    unsigned long size = 0;
    if (request.starts_with("qSupported")) return features;
    if (request == "QStartNoAckMode") return "OK";
    if (request == "?") return "S05";
    if (request == "D") return "OK";
    if (std::sscanf(request.c_str(), "m%lx,%lx", &where, &size) == 2) {
        std::vector<std::byte> bytes(std::min(size, 200ul));
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = test::pattern(where + i);
        return vmio::detail::gdb_hex(bytes);
    }
    return "";
}

std::string framed(const std::string& reply) {
    return "+" + gdb_packet(reply);
}

const vmio::gdb_remote_options patient{.timeout = std::chrono::milliseconds(20000), .cache_size = 0};

/// Whether every read of random places gives right bytes or an error that stays.
bool is_right_or_refused(const gdb_remote_memory& memory, std::mt19937& random, std::size_t rounds, bool may_fail) {
    int error = 0;
    for (std::size_t i = 0; i < rounds; ++i) {
        const vmio::address where = random();
        std::vector<std::byte> bytes(1 + random() % 700);
        std::error_code ec;
        const std::size_t got = memory.read_some(where, bytes, ec);
        if (!test::is_pattern(where, std::span(bytes).first(got))) return false;
        if (got == 0 && !may_fail) return false;
        if (error != 0 && ec.value() != error) return false;
        if (got < bytes.size() && ec) error = ec.value();
    }
    return true;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_server_that_knows_the_least_is_enough) {
    const false_server server([](const std::string& request) { return framed(simple(request)); });
    const gdb_remote_memory memory(server.place(), patient);
    std::mt19937 random(1);
    BOOST_TEST(is_right_or_refused(memory, random, 50, false));
    BOOST_TEST(memory.process_id() == 0);
    BOOST_TEST(memory.ranges().empty());
    BOOST_TEST(memory.auxiliary_vector().empty());
    BOOST_TEST(memory.executable().empty());
}

BOOST_AUTO_TEST_CASE(packets_that_arrive_damaged_are_sent_again) {
    int count = 0;
    const false_server server([&](const std::string& request) {
        if (++count % 3 == 0) return std::string("-");  // as if the request had been damaged
        return framed(simple(request));
    });
    const gdb_remote_memory memory(server.place(), patient);
    std::mt19937 random(2);
    BOOST_TEST(is_right_or_refused(memory, random, 20, false));
    BOOST_TEST(count > 20);
}

BOOST_AUTO_TEST_CASE(a_byte_that_is_damaged_on_its_way_is_never_taken_for_memory) {
    for (unsigned seed = 0; seed < 10; ++seed) {
        for (const char* features : {"PacketSize=100", "PacketSize=100;QStartNoAckMode+"}) {
            std::mt19937 damage(seed);
            const false_server server([&](const std::string& request) {
                std::string reply = framed(simple(request, features));
                if (request.starts_with('m') && damage() % 8 == 0) reply[damage() % reply.size()] ^= 1 << damage() % 7;
                return reply;
            });
            std::mt19937 random(seed);
            const gdb_remote_memory memory(server.place(), {.timeout = std::chrono::seconds(2), .cache_size = 0});
            BOOST_TEST(is_right_or_refused(memory, random, 20, true));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_cut_anywhere_is_an_error) {
    for (std::size_t cut = 0; cut < 60; ++cut) {
        std::size_t replies = 0;
        const false_server server([&](const std::string& request) {
            std::string reply = framed(simple(request));
            if (++replies > 5) reply = reply.substr(0, cut) + closed;
            return reply;
        });
        std::mt19937 random(3);
        const gdb_remote_memory memory(server.place(), patient);
        BOOST_TEST(is_right_or_refused(memory, random, 4, true));
    }
}

BOOST_AUTO_TEST_CASE(a_reply_of_the_wrong_size_or_form_ends_the_connection) {
    for (const char* wrong : {"0", "0g", "00000000000000000000000000000000000000", "nonsense", "OK"}) {
        const false_server server(
            [&](const std::string& request) { return framed(request.starts_with('m') ? wrong : simple(request)); });
        const gdb_remote_memory memory(server.place(), patient);
        std::byte bytes[4];
        std::error_code ec;
        BOOST_TEST(memory.read_some(0x1000, bytes, ec) == 0u);
        BOOST_TEST(ec.value() == EPROTO);
        BOOST_TEST(memory.read_some(0x1000, bytes, ec) == 0u);
        BOOST_TEST(ec.value() == EPROTO);
    }
}

BOOST_AUTO_TEST_CASE(three_bytes_that_look_like_an_error_are_bytes) {
    const false_server server([](const std::string& request) {
        if (request == "x0,0") return framed("OK");
        if (request.starts_with('x')) return framed("E01");
        if (request.starts_with('m')) return framed("453031");
        return framed(simple(request));
    });
    const gdb_remote_memory memory(server.place(), patient);
    char bytes[3];
    std::error_code ec;
    BOOST_TEST(memory.read_some(0x1000, std::as_writable_bytes(std::span(bytes)), ec) == 3u);
    BOOST_TEST(std::string(bytes, 3) == "E01");
}

BOOST_AUTO_TEST_CASE(a_target_that_has_ended_is_no_such_process) {
    const false_server server(
        [](const std::string& request) { return framed(request == "?" ? "W00" : simple(request)); });
    BOOST_TEST(test::error_of([&] { gdb_remote_memory(server.place(), patient); }) == ESRCH);
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_detach_is_an_error_of_close) {
    const false_server server(
        [](const std::string& request) { return framed(request == "D" ? "E01" : simple(request)); });
    gdb_remote_memory memory(server.place(), patient);
    BOOST_TEST(test::error_of([&] { memory.close(); }) == EPROTO);
    memory.close();
    std::byte byte;
    std::error_code ec;
    BOOST_TEST(memory.read_some(0x1000, std::span(&byte, 1), ec) == 0u);
    BOOST_TEST(ec.value() == EBADF);
}

BOOST_AUTO_TEST_CASE(an_object_without_an_end_is_refused) {
    const false_server server([](const std::string& request) {
        if (request.starts_with("qXfer")) return framed("m" + std::string(200, 'x'));
        return framed(simple(request, "PacketSize=100000;qXfer:auxv:read+"));
    });
    const gdb_remote_memory memory(server.place(), patient);
    BOOST_TEST(test::error_of([&] { memory.auxiliary_vector(); }) == EMSGSIZE);
}

BOOST_AUTO_TEST_CASE(ranges_come_from_a_memory_map) {
    const false_server server([](const std::string& request) {
        if (request.starts_with("qXfer"))
            return framed(
                "l<memory-map><memory type=\"rom\" start=\"0x1000\" length=\"4096\"/>"
                "<memory type='ram' start='0x1'/><memory type=\"ram\" start=\"0x2000\" length=\"0x10\">"
                "</memory><memory start=\"0xffffffffffffffff\" length=\"9\"/></memory-map>");
        return framed(simple(request, "qXfer:memory-map:read+"));
    });
    const gdb_remote_memory memory(server.place(), patient);
    BOOST_TEST((memory.ranges() == std::vector{vmio::address_range(0x1000, 0x2010)}));
}
