// SPDX-License-Identifier: BSL-1.0
/// The argument MEMORY of a tool, in any spelling of vmio::open_memory().
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <vmio/core_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/gdb_remote_memory.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/open_memory.hpp>
#include <vmio/process_snapshot.hpp>

#include "tool.hpp"

namespace tool {

/// For the text of a command.
inline const std::string memory_text =
    "\nMEMORY is a process, by its id, or one of\n"
    "  comm:NAME                 the only process whose program has this name\n"
    "  core:FILE, snapshot:FILE  a core file, a saved snapshot; FILE alone is tried as both\n"
    "  raw:FILE@ADDRESS          any file, whose first byte has that address\n"
    "  gdb:HOST:PORT             what gdbserver, qemu and others debug; also gdb:SOCKET, 'gdb:|COMMAND'\n"
    "with #START-END or #START+SIZE behind it: nothing outside of these addresses (0x...).\n";

/// open(); a spelling that makes no sense is wrong usage, an id that is not there may be of another namespace.
template <class Open>
auto opened(const std::string& spelling, Open&& open) {
    try {
        return open();
    } catch (const std::invalid_argument& e) {
        const std::string why = e.what();
        throw spelling_error(why.substr(why.find(": ") + 2), spelling);
    } catch (const vmio::memory_error& e) {
        if (e.code() != vmio::errc::no_such_process || e.process_id() == 0) throw;
        throw std::runtime_error(e.what() +
                                 std::string("; a process of another PID namespace, as of a container, has another id "
                                             "here: NSpid in /proc/PID/status tells both"));
    }
}

inline vmio::any_memory open_memory(const std::string& spelling, const vmio::open_options& how = {}) {
    return opened(spelling, [&] { return vmio::open_memory(spelling, how); });
}

/// Nothing if it is a memory of another kind.
inline std::optional<vmio::process> open_process(const std::string& spelling) {
    return opened(spelling, [&] { return vmio::open_process(spelling); });
}

/// Null unless it is a process, all of it: what its mappings and page tables say is then true of the memory.
inline const vmio::process_memory* process_in(const vmio::any_memory& memory) {
    const bool whole = memory.window().contains(vmio::address_range(0, std::numeric_limits<vmio::address>::max()));
    return whole ? memory.as<vmio::process_memory>() : nullptr;
}

inline constexpr const char* remote_kind = "a target of a debugging server";

inline const char* kind_of(const vmio::any_memory& memory) {
    if (memory.as<vmio::process_memory>() != nullptr) return "a process";
    if (memory.as<vmio::core_memory>() != nullptr) return "a core file";
    if (memory.as<vmio::process_snapshot>() != nullptr) return "a snapshot";
    if (memory.as<vmio::gdb_remote_memory>() != nullptr) return remote_kind;
    return "a raw image";
}

/// Says what memory of its kind cannot do, and what to use.
[[noreturn]] inline void refuse(const vmio::any_memory& memory, const std::string& problem) {
    throw std::runtime_error(memory.name() + ": " + kind_of(memory) + ' ' + problem);
}

/// For what only a process has; `problem` is that of all others.
inline vmio::process require_process(const std::string& spelling, const std::string& problem) {
    if (const auto target = open_process(spelling)) return *target;
    if (spelling.starts_with("gdb:"))  // a connection would stop the target
        throw std::runtime_error(spelling + ": " + remote_kind + ' ' + problem);
    refuse(open_memory(spelling), problem);
}

/// Refuses a memory whose regions have no names, which --region asks for.
inline void require_names(const vmio::any_memory& memory) {
    if (memory.map().empty()) refuse(memory, "has no names for --region: use a window, MEMORY#START-END");
}

/// Addresses and ranges in it, by name too.
inline places places_in(const vmio::any_memory& memory) {
    const auto map = [&memory] {
        vmio::memory_map names = memory.map();
        if (names.empty()) refuse(memory, "has no names of regions: give addresses, START-END or START+SIZE");
        return names;
    };
    return {map, memory.name()};
}

/// What is mapped. Of a memory that does not know: what can be read, without names.
inline vmio::memory_map mapped_in(const vmio::any_memory& memory) {
    vmio::memory_map map = memory.map();
    if (!map.empty()) return map;
    std::vector<vmio::mapping> ranges;
    for (const vmio::address_range& range : memory.ranges())
        ranges.push_back({.range = range, .perms = {.read = true}, .name = {}});
    if (ranges.empty() && memory.as<vmio::gdb_remote_memory>() != nullptr)
        refuse(memory, "that does not tell what is mapped needs a window: MEMORY#START-END");
    return vmio::memory_map::from_mappings(std::move(ranges));
}

/// What can be read of the wanted mappings, neighbours joined.
inline std::vector<vmio::address_range> readable_parts(const vmio::any_memory& memory, const vmio::memory_map& map,
                                                       const std::function<bool(const vmio::mapping&)>& wanted) {
    std::vector<vmio::address_range> parts;
    for (const vmio::address_range& range : memory.ranges())
        for (auto m = map.at_or_above(range.start()); m != map.end() && m->range.start() < range.end(); ++m) {
            if (!wanted(*m)) continue;
            const vmio::address_range part = range.intersection(m->range);
            if (!parts.empty() && parts.back().end() == part.start())
                parts.back() = {parts.back().start(), part.end()};
            else
                parts.push_back(part);
        }
    return parts;
}

}  // namespace tool
