// SPDX-License-Identifier: BSL-1.0
#include <vmio/open_memory.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <elf.h>

#include <vmio/core_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/gdb_remote_memory.hpp>
#include <vmio/process_snapshot.hpp>

#include "base/input_file.hpp"
#include "base/system_error.hpp"
#include "capture/process_snapshot_format.hpp"
#include "open/memory_spelling.hpp"
#include "open/raw_image.hpp"
#include "packed/stream_decoder.hpp"
#include "process/program_name.hpp"

namespace vmio {
namespace {

using detail::memory_kind;
using detail::memory_spelling;

constexpr const char* operation = "open of a memory";

process process_of(const std::string& program) {
    const std::vector<pid_t> ids = detail::processes_named(program);
    if (ids.empty())
        throw memory_error(operation, 0, 0, detail::system_error_of(ESRCH),
                           "no process runs a program that is called '" + program + "'");
    if (ids.size() == 1) return process(ids.front());
    std::string list;
    for (const pid_t id : ids) list += (list.empty() ? "" : ", ") + std::to_string(id);
    throw memory_error(operation, 0, 0, detail::system_error_of(ENOTUNIQ),
                       "programs called '" + program + "' are run by the processes " + list);
}

any_memory open_file(const memory_spelling& what, const std::string& name) {
    const detail::input_file file(what.text, operation);
    std::array<std::byte, 8> magic{};
    const auto size = std::min<std::uint64_t>(file.size(), magic.size());
    if (!file.read(0, std::span(magic).first(static_cast<std::size_t>(size)))) file.fail(EIO, "it has become shorter");
    if (detail::process_snapshot_format::is_magic(magic)) return {process_snapshot::load(what.text), name};
    const bool is_packed =
        detail::format_of(std::span(magic).first(static_cast<std::size_t>(size))) != detail::packed_format::none;
    if (!is_packed && std::memcmp(magic.data(), ELFMAG, SELFMAG) != 0)
        file.fail(EINVAL, "neither a core file nor a saved snapshot; 'raw:FILE@ADDRESS' opens any file");
    return {core_memory::open(what.text), name};
}

std::optional<process> process_of(const memory_spelling& what) {
    switch (what.kind) {
        case memory_kind::process: return process(what.process_id);
        case memory_kind::self: return process::self();
        case memory_kind::program: return process_of(what.text);
        case memory_kind::foreign_proc: return process::in_proc(what.text);
        default: return std::nullopt;
    }
}

any_memory open_parsed(const memory_spelling& what, const std::string& name, const open_options& options) {
    if (const auto live = process_of(what)) return {process_memory(*live, options.process), name};
    switch (what.kind) {
        case memory_kind::core: return {core_memory::open(what.text), name};
        case memory_kind::snapshot: return {process_snapshot::load(what.text), name};
        case memory_kind::raw: return {detail::raw_image(what.text, what.start), name};
        case memory_kind::remote: return {gdb_remote_memory(what.text, options.remote), name};
        default: return open_file(what, name);
    }
}

}  // namespace

any_memory open_memory(std::string_view spelling, const open_options& options) {
    const memory_spelling what = detail::parse_memory_spelling(spelling);
    const any_memory memory = open_parsed(what, std::string(spelling), options);
    return what.window ? memory.within(*what.window) : memory;
}

std::optional<process> open_process(std::string_view spelling) {
    const memory_spelling what = detail::parse_memory_spelling(spelling);
    std::optional<process> live = process_of(what);
    if (live && what.window)
        throw std::invalid_argument("vmio::open_process: '" + std::string(spelling) +
                                    "': a window is for memory, not for a process: leave out what follows '#'");
    return live;
}

}  // namespace vmio
