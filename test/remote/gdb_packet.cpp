// SPDX-License-Identifier: BSL-1.0
#include "remote/gdb_packet.hpp"

#include <random>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using vmio::detail::gdb_escaped;
using vmio::detail::gdb_from_hex;
using vmio::detail::gdb_hex;
using vmio::detail::gdb_packet;
using vmio::detail::gdb_packet_parser;
using event = gdb_packet_parser::event;

namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

/// The first event of `input`, given in parts of `step` bytes, and the body of the packet.
std::pair<event, std::string> first(const std::string& input, std::size_t step, std::size_t longest = 1000) {
    gdb_packet_parser parser(longest);
    for (std::size_t at = 0; at < input.size(); at += step) {
        std::string_view part = std::string_view(input).substr(at, step);
        const event found = parser.next(part);
        if (found != event::none) return {found, parser.body()};
    }
    return {event::none, ""};
}

/// The same for parts of each size.
bool is(const std::string& input, event found, const std::string& body = "") {
    for (std::size_t step = 1; step <= input.size(); ++step) {
        const auto seen = first(input, step);
        if (seen.first != found || (found == event::packet && seen.second != body)) return false;
    }
    return true;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_packet_has_its_checksum) {
    BOOST_TEST(gdb_packet("") == "$#00");
    BOOST_TEST(gdb_packet("OK") == "$OK#9a");
    BOOST_TEST(is("$OK#9a", event::packet, "OK"));
    BOOST_TEST(is("$OK#9A", event::packet, "OK"));
    BOOST_TEST(is("$OK#9b", event::damaged));
    BOOST_TEST(is("$OK#zz", event::damaged));
    BOOST_TEST(is("$OL#9a", event::damaged));
}

BOOST_AUTO_TEST_CASE(acknowledgements_and_what_lies_between_packets_are_told_apart) {
    BOOST_TEST(is("+$OK#9a", event::ack));
    BOOST_TEST(is("-", event::nack));
    BOOST_TEST(is("xyz\n$OK#9a", event::packet, "OK"));
    BOOST_TEST(is("%Stop:T05#51$OK#9a", event::packet, "OK"));
    BOOST_TEST(is("$cut o$OK#9a", event::packet, "OK"));
    BOOST_TEST(is("$never ends", event::none));
}

BOOST_AUTO_TEST_CASE(runs_are_expanded) {
    BOOST_TEST(is(gdb_packet("0* "), event::packet, "0000"));  // ' ' is 32: 3 more
    BOOST_TEST(is(gdb_packet("ab*\"c"), event::packet, "abbbbbbc"));
    BOOST_TEST(is(gdb_packet("*!"), event::damaged));
    BOOST_TEST(is(gdb_packet(std::string("a*") + '\x1d'), event::damaged));
    BOOST_TEST(is(gdb_packet("a*\x7f"), event::damaged));
}

BOOST_AUTO_TEST_CASE(any_bytes_come_back_from_their_escaped_and_their_hexadecimal_form) {
    std::mt19937 random(7);
    for (std::size_t size = 0; size < 300; ++size) {
        std::string text(size, '\0');
        for (char& c : text) c = static_cast<char>(random());
        BOOST_TEST(is(gdb_packet(gdb_escaped(bytes_of(text))), event::packet, text));
        std::vector<std::byte> back(size);
        BOOST_TEST(gdb_from_hex(gdb_hex(bytes_of(text)), back));
        BOOST_TEST(std::equal(back.begin(), back.end(), bytes_of(text).begin()));
    }
    std::vector<std::byte> two(2);
    BOOST_TEST(!gdb_from_hex("abc", two));
    BOOST_TEST(!gdb_from_hex("abcg", two));
    BOOST_TEST(!gdb_from_hex("abcdef", two));
}

BOOST_AUTO_TEST_CASE(a_packet_that_is_too_long_ends_the_parser) {
    BOOST_TEST((first(gdb_packet(std::string(1000, 'x')), 7).first == event::packet));
    BOOST_TEST((first(gdb_packet(std::string(1001, 'x')), 7).first == event::too_long));
    std::string bomb = "x";
    for (int i = 0; i < 100; ++i) bomb += "*~";  // 97 more each
    BOOST_TEST((first(gdb_packet(bomb), 7).first == event::too_long));
}
