// SPDX-License-Identifier: BSL-1.0
#include "remote/gdb_connection.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <optional>
#include <system_error>

namespace vmio::detail {
namespace {

constexpr std::size_t longest_packet = std::size_t{4} << 20;
constexpr std::size_t longest_object = std::size_t{16} << 20;
constexpr int most_attempts = 5;

[[noreturn]] void fail(int error) {
    throw std::system_error(error, std::system_category());
}

/// Returns: the hexadecimal number at the beginning of `text`.
std::optional<std::uint64_t> hexadecimal(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    return ec == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace

bool is_gdb_error(std::string_view reply) noexcept {
    if (reply.starts_with("E.")) return true;
    return reply.size() == 3 && reply[0] == 'E' && std::isxdigit(static_cast<unsigned char>(reply[1])) != 0 &&
           std::isxdigit(static_cast<unsigned char>(reply[2])) != 0;
}

gdb_connection::gdb_connection(const std::string& where, std::chrono::milliseconds limit)
    : channel_(where, limit), parser_(longest_packet) {
    agree();
}

void gdb_connection::agree() {
    channel_.send("+");  // for a packet that was sent before we were there
    features_ = ask("qSupported:multiprocess+;swbreak+;hwbreak+;binary-upload+");
    constexpr std::string_view size = "PacketSize=";
    if (const std::size_t at = features_.find(size); at != features_.npos)
        if (const auto value = hexadecimal(std::string_view(features_).substr(at + size.size())))
            packet_size_ = static_cast<std::size_t>(std::clamp<std::uint64_t>(*value, 64, longest_packet / 2));
    multiprocess_ = has("multiprocess");
    if (has("QStartNoAckMode") && ask("QStartNoAckMode") == "OK") acknowledged_ = false;
    const std::string stop = ask("?");
    if (stop.empty() || stop[0] == 'W' || stop[0] == 'X') fail(ESRCH);
    process_id_ = ask_process_id(stop);
}

/// From `thread:pPID.TID` in a stop reply, else from that of `qC`.
pid_t gdb_connection::ask_process_id(const std::string& stop_reply) {
    constexpr std::string_view name = "thread:p";
    std::string text = stop_reply;
    std::size_t at = text.find(name);
    if (at != text.npos) {
        at += name.size();
    } else {
        text = ask("qC");
        if (!text.starts_with("QC")) return 0;
        at = text.starts_with("QCp") ? 3 : 2;
    }
    return static_cast<pid_t>(hexadecimal(std::string_view(text).substr(at)).value_or(0));
}

bool gdb_connection::has(std::string_view feature) const noexcept {
    std::string_view rest = features_;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(';'), rest.size());
        const std::string_view one = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (one.ends_with('+') && one.substr(0, one.size() - 1) == feature) return true;
    }
    return false;
}

/// Returns: the next packet, which is acknowledged; one that arrives damaged is asked for again.
std::string gdb_connection::receive() {
    for (int attempt = 0; attempt < most_attempts;) {
        if (unread_.empty()) unread_ = {buffer_.data(), channel_.receive(buffer_)};
        switch (parser_.next(unread_)) {
            case gdb_packet_parser::event::packet:
                if (acknowledged_) channel_.send("+");
                return parser_.body();
            case gdb_packet_parser::event::damaged:
                if (!acknowledged_) fail(EPROTO);
                channel_.send("-");
                ++attempt;
                break;
            case gdb_packet_parser::event::too_long: fail(EPROTO);
            case gdb_packet_parser::event::nack:
            case gdb_packet_parser::event::ack:
            case gdb_packet_parser::event::none: break;
        }
    }
    fail(EPROTO);
}

std::string gdb_connection::ask(std::string_view request) {
    const std::string packet = gdb_packet(request);
    channel_.begin();
    channel_.send(packet);
    for (int attempt = 1; acknowledged_;) {
        if (unread_.empty()) unread_ = {buffer_.data(), channel_.receive(buffer_)};
        const auto event = parser_.next(unread_);
        if (event == gdb_packet_parser::event::ack) break;
        if (event == gdb_packet_parser::event::too_long) fail(EPROTO);
        if (event == gdb_packet_parser::event::none) continue;
        if (++attempt > most_attempts) fail(EPROTO);
        if (event == gdb_packet_parser::event::nack) channel_.send(packet);  // else a packet, which answers nothing
    }
    return receive();
}

void gdb_connection::detach() {
    const bool by_id = multiprocess_ && process_id_ != 0;
    if (ask(by_id ? "D;" + gdb_number(static_cast<std::uint64_t>(process_id_)) : "D") != "OK") fail(EPROTO);
}

std::string gdb_connection::read_object(std::string_view object, std::string_view annex) {
    std::string all;
    if (!has("qXfer:" + std::string(object) + ":read")) return all;
    const std::string size = gdb_number(packet_size_ - 8);
    for (;;) {
        const std::string reply = ask("qXfer:" + std::string(object) + ":read:" + std::string(annex) + ':' +
                                      gdb_number(all.size()) + ',' + size);
        if (reply.empty() || is_gdb_error(reply)) return {};
        if (reply[0] != 'm' && reply[0] != 'l') fail(EPROTO);
        all.append(reply, 1);
        if (all.size() > longest_object) fail(EMSGSIZE);
        if (reply[0] == 'l' || reply.size() == 1) return all;
    }
}

}  // namespace vmio::detail
