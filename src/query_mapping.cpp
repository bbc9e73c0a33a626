// SPDX-License-Identifier: BSL-1.0
#include <vmio/query_mapping.hpp>

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>

#include "mapping_name.hpp"
#include "maps_file.hpp"
#include "maps_text.hpp"
#include "proc_file.hpp"
#include "procmap_query.hpp"
#include "system_error.hpp"

namespace vmio {
namespace {

std::uint64_t flags_of(mapping_lookup lookup, const mapping_filter& filter) noexcept {
    return (lookup == mapping_lookup::next_after ? procmap::covering_or_next : 0) |
           (filter.readable ? procmap::readable : 0) | (filter.writable ? procmap::writable : 0) |
           (filter.executable ? procmap::executable : 0) | (filter.shared ? procmap::shared : 0) |
           (filter.file_backed ? procmap::file_backed : 0);
}

std::optional<mapping> find_in_list(const process& who, address where, mapping_lookup lookup,
                                    const mapping_filter& filter, std::error_code& ec) {
    const memory_map map = memory_map::load(who, ec);
    if (ec) return {};
    for (auto m = map.at_or_above(where); m != map.end(); ++m) {
        if (lookup == mapping_lookup::exact && !m->range.contains(where)) break;
        if (filter.passes(*m) && m->name != "[vsyscall]") return *m;
    }
    return {};
}

}  // namespace

std::optional<mapping> query_mapping(const process& who, address where, mapping_lookup lookup, mapping_filter filter,
                                     std::error_code& ec) {
    procmap::query q{};
    q.query_flags = flags_of(lookup, filter);
    q.query_addr = where;
    std::string name;
    ec = who.maps() >= 0 ? procmap::ask(who.maps(), q, name) : system_error_of(ESRCH);
    for (int tries = 0; ec.value() == ESRCH && tries < 8 && who.alive(); ++tries) {  // another program by now
        const file_descriptor maps = open_maps(who, ec);
        if (!ec) ec = procmap::ask(maps.get(), q, name);
    }
    ec = gone_only_if_ended(who, ec);
    if (ec.value() == ENOTTY || ec.value() == ENAMETOOLONG) return find_in_list(who, where, lookup, filter, ec);
    const bool none = ec.value() == ENOENT;
    if (ec && !none) return {};
    // The memory outlives the process where another one shares it.
    ec = who.alive() ? std::error_code() : system_error_of(ESRCH);
    if (ec || none) return {};
    mapping m{{q.vma_start, q.vma_end},
              procmap::permissions_of(q),
              q.vma_offset,
              q.dev_major,
              q.dev_minor,
              q.inode,
              std::move(name),
              false};
    take_deleted_mark(m);
    mapping_names(who).settle_deleted(m);
    return m;
}

std::optional<mapping> query_mapping(const process& who, address where, mapping_lookup lookup, mapping_filter filter) {
    std::error_code ec;
    std::optional<mapping> found = query_mapping(who, where, lookup, filter, ec);
    if (ec) throw memory_error("query_mapping", who.id(), where, ec);
    return found;
}

bool has_fast_mapping_query() noexcept {
    const file_descriptor maps(::open("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC));
    procmap::query q{};
    q.query_flags = procmap::covering_or_next;
    return maps && !procmap::ask(maps.get(), q);
}

}  // namespace vmio
