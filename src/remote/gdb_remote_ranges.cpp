// SPDX-License-Identifier: BSL-1.0
#include "remote/gdb_remote_ranges.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <span>
#include <string>

#include "base/range_set.hpp"

namespace vmio::detail {
namespace {

/// Returns: the number of an attribute, decimal, or hexadecimal with 0x; nothing if there is none.
std::optional<std::uint64_t> attribute(std::string_view element, std::string_view name) {
    const std::size_t at = element.find(' ' + std::string(name) + "=\"");
    if (at == element.npos) return std::nullopt;
    std::string_view value = element.substr(at + name.size() + 3);
    const bool hexadecimal = value.starts_with("0x");
    if (hexadecimal) value.remove_prefix(2);
    std::uint64_t number = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number, hexadecimal ? 16 : 10);
    return ec == std::errc() ? std::optional(number) : std::nullopt;
}

/// Reads a file on the server's machine: GDB's manual, "Host I/O Packets".
/// Returns: empty if it cannot be read.
std::string remote_file(gdb_connection& connection, const std::string& path) {
    constexpr std::size_t longest = std::size_t{16} << 20;
    const std::string opened =
        connection.ask("vFile:open:" + gdb_hex(std::as_bytes(std::span(path.data(), path.size()))) + ",0,0");
    if (!opened.starts_with('F') || opened.starts_with("F-")) return {};
    const std::string file = opened.substr(1, opened.find_first_of(",;") - 1);
    std::string all;
    const std::string request = "vFile:pread:" + file + ',' + gdb_number(connection.packet_size() / 2 - 16) + ',';
    while (all.size() < longest) {
        const std::string part = connection.ask(request + gdb_number(all.size()));
        const std::size_t bytes = part.find(';');
        if (!part.starts_with('F') || part.starts_with("F-") || bytes == part.npos || bytes + 1 == part.size()) break;
        all.append(part, bytes + 1);
    }
    connection.ask("vFile:close:" + file);
    return all;
}

}  // namespace

std::vector<address_range> ranges_of_memory_map(std::string_view xml) {
    constexpr std::string_view name = "<memory ";
    std::vector<address_range> ranges;
    for (std::size_t at = 0; (at = xml.find(name, at)) != xml.npos;) {
        const std::string_view element = xml.substr(at, std::min(xml.find('>', at), xml.size()) - at);
        at += element.size();
        const auto start = attribute(element, "start");
        const auto length = attribute(element, "length");
        if (start && length && *length > 0 && *length <= std::numeric_limits<address>::max() - *start)
            ranges.push_back(address_range::of_size(*start, *length));
    }
    return made_set(std::move(ranges));
}

std::vector<address_range> ranges_of_maps(std::string_view text) {
    std::vector<address_range> ranges;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        address from = 0;
        address to = 0;
        const char* const last = line.data() + line.size();
        const auto first = std::from_chars(line.data(), last, from, 16);
        if (first.ec != std::errc() || first.ptr == last || *first.ptr != '-') continue;
        const auto second = std::from_chars(first.ptr + 1, last, to, 16);
        if (second.ec != std::errc() || last - second.ptr < 2 || second.ptr[1] != 'r' || to <= from) continue;
        ranges.emplace_back(from, to);
    }
    return made_set(std::move(ranges));
}

std::string maps_text_of(gdb_connection& connection) {
    if (connection.process_id() <= 1) return {};
    return remote_file(connection, "/proc/" + std::to_string(connection.process_id()) + "/maps");
}

std::vector<address_range> ranges_of(gdb_connection& connection) {
    auto ranges = ranges_of_memory_map(connection.read_object("memory-map", ""));
    if (ranges.empty()) ranges = ranges_of_maps(maps_text_of(connection));
    return ranges;
}

}  // namespace vmio::detail
