// SPDX-License-Identifier: BSL-1.0
#include <vmio/query_mapping.hpp>

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "maps/mapping_name_resolver.hpp"
#include "maps/maps_reader.hpp"
#include "maps/query_mapping.hpp"
#include "proc/maps_text.hpp"
#include "proc/procmap_query.hpp"
#include "proc/vma_lookup.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"
#include "process/process_state.hpp"

namespace vmio {
namespace {

std::uint64_t flags_of(mapping_lookup lookup, const mapping_filter& filter) noexcept {
    return (lookup == mapping_lookup::next_after ? detail::procmap::covering_or_next : 0) |
           (filter.readable ? detail::procmap::readable : 0) | (filter.writable ? detail::procmap::writable : 0) |
           (filter.executable ? detail::procmap::executable : 0) | (filter.shared ? detail::procmap::shared : 0) |
           (filter.file_backed ? detail::procmap::file_backed : 0);
}

bool needs_list(const std::error_code& ec) noexcept {
    return ec.value() == ENOTTY || ec.value() == ENAMETOOLONG;
}

std::optional<mapping> find_in_list(const process& target, address where, mapping_lookup lookup,
                                    const mapping_filter& filter, std::error_code& ec) {
    const memory_map map = memory_map::load(target, ec);
    if (ec) return {};
    for (auto m = map.at_or_above(where); m != map.end(); ++m) {
        if (lookup == mapping_lookup::exact && !m->range.contains(where)) break;
        if (filter.passes(*m) && m->name != "[vsyscall]") return *m;
    }
    return {};
}

/// Reads the text as far as it must; a series of queries at ascending addresses reads it once.
/// Errors: any, whereupon the list tells.
std::optional<mapping> find_in_text(const process& target, address where, mapping_lookup lookup,
                                    const mapping_filter& filter, std::error_code& ec) {
    const auto* const state = detail::process_access::state_of(target);
    const int maps = state == nullptr ? -1 : detail::maps_of(target, ec);
    if (maps < 0) return ec = detail::system_error_of(ESRCH), std::nullopt;
    std::optional<mapping> found;
    ec = state->lookup.with(maps, target.proc_directory(), [&](detail::vma_lookup& text) {
        detail::vma_info vma;
        std::error_code why = text.in_text(where, vma);
        for (; !why; why = text.next_in_text(vma)) {
            if (lookup == mapping_lookup::exact && !vma.range.contains(where)) break;
            detail::maps_line line;
            if (!detail::parse_maps_line(text.line(), line)) return detail::system_error_of(ENAMETOOLONG);
            mapping m;
            detail::to_mapping(line, m);
            if (!filter.passes(m)) continue;
            found = std::move(m);
            break;
        }
        return why.value() == ENOENT ? std::error_code() : why;
    });
    if (const std::error_code lost = detail::lost_program(target)) ec = lost;
    if (ec) return {};
    if (found) detail::mapping_name_resolver(target).resolve(*found, maps);
    return found;
}

/// Errors: ENOTTY or ENAMETOOLONG, the kernel cannot answer by this request.
std::optional<mapping> ask_kernel(const process& target, address where, mapping_lookup lookup,
                                  const mapping_filter& filter, std::error_code& ec) {
    detail::procmap::query q{};
    q.query_flags = flags_of(lookup, filter);
    q.query_addr = where;
    std::string name;
    const int kept = target.maps();
    ec = kept >= 0 ? detail::procmap::ask(kept, q, name) : detail::system_error_of(ESRCH);
    // Memory that is still shared with others would answer for the program before an exec.
    const bool is_its_own = (!ec || ec.value() == ENOENT) && !detail::lost_program(target);
    if (!is_its_own && (!ec || ec.value() == ENOENT)) ec = detail::system_error_of(ESRCH);
    for (int tries = 0; ec.value() == ESRCH && tries < 8 && target.alive(); ++tries) {  // a new program by now
        const detail::file_descriptor maps = detail::open_maps(target, ec);
        if (!ec) ec = detail::procmap::ask(maps.get(), q, name);
    }
    ec = detail::gone_only_if_ended(target, ec);
    const bool none = ec.value() == ENOENT;
    if (ec && !none) return {};
    // Memory shared with another process outlives the process.
    ec = is_its_own || target.alive() ? std::error_code() : detail::system_error_of(ESRCH);
    if (ec || none) return {};
    mapping m = detail::procmap::mapping_of(q, std::move(name));
    detail::mapping_name_resolver(target).resolve_deleted(m);
    return m;
}

}  // namespace

std::optional<mapping> query_mapping(const process& target, address where, mapping_lookup lookup, mapping_filter filter,
                                     std::error_code& ec) {
    std::optional<mapping> found = ask_kernel(target, where, lookup, filter, ec);
    if (!needs_list(ec)) return found;
    if (ec.value() == ENOTTY) found = find_in_text(target, where, lookup, filter, ec);
    return ec ? find_in_list(target, where, lookup, filter, ec) : found;
}

std::optional<mapping> query_mapping(const process& target, address where, mapping_lookup lookup,
                                     mapping_filter filter) {
    std::error_code ec;
    std::optional<mapping> found = query_mapping(target, where, lookup, filter, ec);
    if (ec) throw detail::opening_error("query_mapping", target.id(), where, ec);
    return found;
}

std::optional<mapping> detail::query_mapping(const process& target, address where, std::optional<memory_map>& list) {
    if (!list) {
        std::error_code ec;
        std::optional<mapping> found = ask_kernel(target, where, mapping_lookup::next_after, {}, ec);
        // Linux 6.17 and later search without the mmap lock: a gap that was seen only once may not exist.
        if (!ec && (!found || found->range.start() > where))
            found = ask_kernel(target, where, mapping_lookup::next_after, {}, ec);
        if (!ec) return found;
        if (!needs_list(ec)) throw opening_error("query_mapping", target.id(), where, ec);
        list = memory_map::load(target);
    }
    const auto m = list->at_or_above(where);
    return m == list->end() || m->name == "[vsyscall]" ? std::nullopt : std::optional(*m);
}

bool has_fast_mapping_query() noexcept {
    const detail::file_descriptor maps(detail::sys::open("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC));
    detail::procmap::query q{};
    q.query_flags = detail::procmap::covering_or_next;
    return maps && !detail::procmap::ask(maps.get(), q);
}

}  // namespace vmio
