// SPDX-License-Identifier: BSL-1.0
/// Shows what changed in a process between two moments, or how any two memories differ.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <iostream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include <vmio/memory_diff.hpp>
#include <vmio/memory_walk.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_snapshot.hpp>

#include "memory_argument.hpp"
#include "text.hpp"
#include "tool.hpp"

namespace {

using vmio::address_range;
using vmio::any_memory;
using vmio::mapping;
using vmio::memory_map;
using vmio::process_snapshot;
using choice = std::function<bool(const mapping&)>;

constexpr std::size_t row_size = 16;

/// One of the two that are compared.
struct moment {
    explicit moment(any_memory m) : memory(std::move(m)), map(tool::mapped_in(memory)) {}

    any_memory memory;
    memory_map map;
};

/// Calls each(part, its region, the region in the other's map or null) for what of `range` lies in wanted regions of
/// `map`, cut where either map changes.
template <class F>
void for_each_part(const address_range& range, const memory_map& map, const memory_map& other_map, const choice& wanted,
                   F&& each) {
    for (vmio::address at = range.start(), end = at; at < range.end(); at = end) {
        end = range.end();
        for (const memory_map* const m : {&map, &other_map})
            if (const auto next = m->at_or_above(at); next != m->end())
                end = std::min(end, at < next->range.start() ? next->range.start() : next->range.end());
        const mapping* const region = map.find(at);
        if (region != nullptr && wanted(*region)) each(address_range(at, end), *region, other_map.find(at));
    }
}

/// "7f3a2c001230 rw-p 24 bytes  [heap]"
void print_head(const address_range& part, const mapping& region, const std::string& more) {
    std::cout << tool::hex(part.start(), 12) << ' ' << to_string(region.perms) << ' ' << part.size()
              << (part.size() == 1 ? " byte" : " bytes") << (region.name.empty() ? "" : "  ")
              << tool::printable(region.name) << more << '\n';
}

/// Of a row, those bytes that are not the same in `others`: "07       00  |...ABC|".
void print_row(std::span<const std::byte> bytes, std::span<const std::byte> others = {}) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto c = std::to_integer<unsigned char>(bytes[i]);
        std::cout << (!others.empty() && others[i] == bytes[i] ? "   " : ' ' + tool::hex(c, 2));
        text += c >= ' ' && c < 127 ? static_cast<char>(c) : '.';
    }
    std::cout << "  |" << text << "|\n";
}

/// The rows that `part` lies in.
void print_bytes(const address_range& part, const any_memory& before, const any_memory& after, std::uint64_t most) {
    const vmio::address first = vmio::align_down(part.start(), row_size);
    for (vmio::address at = first; at < part.end() && at - first < most; at += row_size) {
        std::byte old[row_size], now[row_size];
        vmio::read_past_gaps(before, at, old);
        vmio::read_past_gaps(after, at, now);
        std::cout << "  " << tool::hex(at, 12) << " -";
        print_row(old);
        std::cout << std::string(15, ' ') << '+';
        print_row(now, old);
    }
    if (most > 0 && part.end() - first > most) std::cout << "  ...\n";
}

/// Parts of `one` that the other has not, because nothing is there or for another reason; returns how many bytes.
std::uint64_t print_missing(const std::vector<address_range>& parts, const moment& one, const moment& other,
                            const choice& wanted, const std::string& nothing, const std::string& something) {
    const char* const why = other.memory.as<process_snapshot>() != nullptr ? ", not captured" : ", not readable";
    std::uint64_t bytes = 0;
    const auto print = [&](const address_range& part, const mapping& region, const mapping* there) {
        print_head(part, region, !there ? nothing : something + to_string(there->perms) + why);
        bytes += part.size();
    };
    for (const address_range& part : parts) for_each_part(part, one.map, other.map, wanted, print);
    return bytes;
}

std::string clock_text(const process_snapshot& captured) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(captured.time());
    std::tm parts{};
    char text[32];
    return {text, std::strftime(text, sizeof text, "%F %T", ::localtime_r(&seconds, &parts))};
}

void print_title(const any_memory& before, const any_memory& after) {
    const auto* const old = before.as<process_snapshot>();
    const auto* const now = after.as<process_snapshot>();
    if (old != nullptr && now != nullptr)
        std::cout << "process " << now->process_id() << ", " << clock_text(*old) << " to " << clock_text(*now) << '\n';
    else
        std::cout << tool::printable(before.name()) << " to " << tool::printable(after.name()) << '\n';
}

/// Whether they differ.
bool compare(const moment& before, const moment& after, const choice& wanted, std::uint64_t most) {
    print_title(before.memory, after.memory);
    vmio::memory_diff_options options;
    options.join_within = row_size;  // so that no row is shown twice
    for (const memory_map* const map : {&before.map, &after.map})
        for (const address_range& range : map->ranges(wanted)) options.parts.push_back(range);
    std::uint64_t runs = 0, bytes = 0;
    std::vector<address_range> only_before, only_after;
    const auto print = [&](const address_range& part, const mapping& region, const mapping*) {
        print_head(part, region, "");
        print_bytes(part, before.memory, after.memory, most);
        ++runs;
        bytes += part.size();
    };
    const auto found = [&](const vmio::memory_difference& d) {
        if (d.kind == vmio::difference::bytes)
            for_each_part(d.range, after.map, before.map, wanted, print);
        else
            (d.kind == vmio::difference::only_before ? only_before : only_after).push_back(d.range);
        return std::cout.good();
    };
    if (!options.parts.empty()) vmio::diff(before.memory, after.memory, found, options);
    const std::uint64_t vanished = print_missing(only_before, before, after, wanted, ": vanished", ": now ");
    const std::uint64_t appeared = print_missing(only_after, after, before, wanted, ": appeared", ": was ");
    std::cout << "runs: " << runs << ", bytes: " << bytes << ", vanished: " << tool::size_text(vanished)
              << ", appeared: " << tool::size_text(appeared) << std::endl;
    return runs + vanished + appeared > 0;
}

/// Waits for Enter or so many seconds; returns early if the process ends, which the next capture reports.
void wait(const vmio::process& target, std::optional<double> seconds) {
    pollfd events[]{{target.pidfd(), POLLIN, 0}, {seconds ? -1 : STDIN_FILENO, POLLIN, 0}};
    if (!seconds) std::cerr << "Enter compares\n";
    if (::poll(events, 2, seconds ? int(*seconds * 1000) : -1) < 0) throw std::runtime_error("cannot wait");
    std::string line;
    if (events[1].revents != 0 && !std::getline(std::cin, line))
        throw tool::usage_error("the standard input ended without an Enter: --after waits for a time instead");
}

process_snapshot captured(const vmio::process& target, const vmio::capture_options& options) {
    process_snapshot moment = process_snapshot::capture(target, options);
    std::uint64_t lost = 0;
    for (const vmio::memory_gap& gap : moment.gaps()) lost += gap.range.size();
    std::cerr << "captured " << tool::size_text(moment.memory_used()) << " of process " << target.id()
              << (lost > 0 ? "; could not read " + tool::size_text(lost) : "") << '\n';
    return moment;
}

/// Two memories as they are, at once.
bool compare_memories(const std::string& one, const std::string& other, choice wanted, bool by_name, bool pause,
                      std::uint64_t most) {
    const any_memory before = tool::open_memory(one);
    const any_memory after = tool::open_memory(other);
    std::vector<vmio::pause_guard> paused;
    for (const any_memory* const memory : {&before, &after}) {
        const auto* const live = memory->as<vmio::process_memory>();
        if (live != nullptr && pause) paused.emplace_back(live->target());
        if (by_name) tool::require_names(*memory);
        if (memory->map().empty()) wanted = [](const mapping&) { return true; };  // nothing to choose by
    }
    return compare(moment(before), moment(after), wanted, most);
}

int snapshot_diff(const tool::options::variables_map& given) {
    const auto has = [&](const char* option) { return given.count(option) != 0; };
    const auto file = [&](const char* option) { return given[option].as<std::string>(); };
    if (has("to") ? has("MEMORY") || !has("from") : !has("MEMORY"))
        throw tool::usage_error("MEMORY, or MEMORY and OTHER, or --from and --to");
    if (has("from") && has("save")) throw tool::usage_error("--from or --save, not both");
    if (has("OTHER") && (has("after") || has("repeat") || has("save") || has("from")))
        throw tool::usage_error("MEMORY and OTHER are compared at once, as they are");
    const choice wanted = [all = has("all"), part = file("region")](const mapping& m) {
        return (all || m.perms.write) && m.name.find(part) != m.name.npos;
    };
    const std::uint64_t most = tool::number(file("bytes"));
    if (has("to"))
        return compare(moment(process_snapshot::load(file("from"))), moment(process_snapshot::load(file("to"))), wanted,
                       most);
    if (has("OTHER"))
        return compare_memories(file("MEMORY"), file("OTHER"), wanted, !file("region").empty(), has("pause"), most);
    std::optional<double> seconds;
    if (has("after")) seconds = given["after"].as<double>();
    if (seconds && !(*seconds >= 0 && *seconds <= 1e6)) throw tool::usage_error("so many seconds cannot be waited");
    const vmio::process target =
        tool::require_process(file("MEMORY"), "is not captured: give another memory to compare it with");
    vmio::capture_options options;
    options.regions.wanted = wanted;
    options.pause = has("pause");
    process_snapshot before = has("from") ? process_snapshot::load(file("from")) : captured(target, options);
    if (before.process_id() != target.id())
        std::cerr << file("from") << " is of process " << before.process_id() << '\n';
    if (has("save")) {
        before.save(file("save"));
        return 0;
    }
    bool any = false;
    for (bool first = true; first || (has("repeat") && std::cout); first = false) {
        if (!first || !has("from") || seconds) wait(target, seconds);
        const process_snapshot now = captured(target, options);
        any |= compare(moment(before), moment(now), wanted, most);
        before = now;
    }
    return any ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    using tool::options::value;
    const auto text = [] { return value<std::string>(); };
    tool::command command{
        .usage = "[OPTION...] MEMORY\n[OPTION...] MEMORY OTHER\n[OPTION...] --from FILE --to FILE",
        .text =
            "Captures what a process may write to, waits for Enter, and prints what has changed since: the old\n"
            "bytes (-), the changed ones (+), what was mapped or unmapped. Or compares two memories as they are,\n"
            "such as a core file and the process.\n" +
            tool::memory_text,
        .failure = tool::misused,
        .statuses = "0 nothing has changed, 1 something has, 2 it could not be done, or wrong usage"};
    command.offered.add_options()("after,a", value<double>(), "wait so many seconds, not for Enter")  //
        ("repeat,R", "again and again, each time with the moment before")                             //
        ("pause,p", "stop the process for each capture, or comparison: all is of one moment")         //
        ("region,r", text()->default_value(""), "only regions that have this in their name")          //
        ("all,A", "also what may only be read")                                                       //
        ("bytes,b", text()->default_value("64"), "print so many bytes of each run")                   //
        ("save,s", text(), "only capture, into this file")                                            //
        ("from,f", text(), "compare with such a file, at once")                                       //
        ("to,t", text(), "compare that file with this, not with a process");
    command.argument("MEMORY", text());
    command.argument("OTHER", text());
    return tool::run(std::move(command), argc, argv, snapshot_diff);
}
