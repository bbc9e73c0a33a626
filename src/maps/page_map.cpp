// SPDX-License-Identifier: BSL-1.0
#include <vmio/page_map.hpp>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>

#include <unistd.h>

#include <vmio/error.hpp>
#include <vmio/smaps.hpp>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/page_runs.hpp"
#include "proc/pagemap_walk.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"

namespace vmio {

struct VMIO_HIDDEN page_map::state {
    detail::file_descriptor pagemap;
};

namespace {

constexpr const char* operation = "scan of /proc/PID/pagemap";

/// Returns: an error if the results may not be of this program: the file has no entries once its memory is gone, but
/// still has some if another process shares that memory.
std::error_code lost(const process& target, int pagemap) noexcept {
    std::uint64_t entry;
    const ssize_t got = detail::sys::pread(pagemap, &entry, sizeof entry, 0);
    if (got < 0) return detail::last_system_error();
    if (got == 0) return detail::gone_only_if_ended(target, detail::system_error_of(ESRCH));
    return detail::lost_program(target);
}

/// Returns: large mappings of which no page is present or swapped, by address. Reading an entry for each of their pages
/// would take a second per TiB.
std::vector<address_range> unused_mappings(const process& target, const address_range& within) {
    constexpr std::uint64_t large = std::uint64_t{1} << 30;
    std::vector<address_range> unused;
    if (within.size() < large) return unused;
    try {
        for (const smaps_entry& e : read_smaps(target, within))
            if (e.range.size() >= large && e.rss + e.swap + e.shared_hugetlb + e.private_hugetlb == 0 &&
                !e.flags.has("gu"))
                unused.push_back(e.range.intersection(within));
    } catch (const memory_error&) {
        unused.clear();  // then every page is visited; an error of the target recurs there
    }
    return unused;
}

/// As detail::walk_by_entries(), but without the mappings of unused_mappings().
detail::walk_result walk_used_entries(const process& target, int pagemap, int maps, address& at, address end,
                                      detail::page_runs& runs, std::error_code& ec) {
    for (const address_range& unused : unused_mappings(target, {at, end})) {
        const detail::walk_result result = detail::walk_by_entries(pagemap, maps, at, unused.start(), runs, ec);
        if (result != detail::walk_result::over) return result;
        at = unused.end();
    }
    return detail::walk_by_entries(pagemap, maps, at, end, runs, ec);
}

}  // namespace

std::shared_ptr<const page_map::state> page_map::open(const process& target, std::error_code& ec) noexcept {
    detail::file_descriptor pagemap = detail::open_proc_file(target, "pagemap", ec);
    if (ec) return nullptr;
    try {
        return std::make_shared<const state>(state{std::move(pagemap)});
    } catch (const std::bad_alloc&) {
        ec = detail::system_error_of(ENOMEM);
        return nullptr;
    }
}

page_map::page_map(process target, std::error_code& ec) noexcept
    : target_(std::move(target)), state_(open(target_, ec)) {}

page_map::page_map(process target) : target_(std::move(target)) {
    std::error_code ec;
    state_ = open(target_, ec);
    if (ec) throw detail::opening_error("open of /proc/PID/pagemap", target_.id(), 0, ec);
}

page_state page_map::unreported() const noexcept {
    return state_ && detail::can_scan(state_->pagemap.get()) ? page_state::none
                                                             : page_state::zero_page | page_state::huge;
}

void page_map::walk(address_range range, page_state wanted, bool (*each)(void*, const page_run&), void* context) const {
    if (!state_) throw memory_error(operation, target_.id(), range.start(), detail::system_error_of(EBADF));
    if (range.empty()) return;
    const address top = align_down(std::numeric_limits<address>::max(), page_size());
    const address end = range.end() > top ? top : align_up(range.end(), page_size());
    address at = std::min(align_down(range.start(), page_size()), end);
    detail::page_runs runs(wanted, at, each, context);
    const int pagemap = state_->pagemap.get();
    std::error_code ec;
    detail::walk_result result = detail::walk_by_scan(pagemap, at, end, wanted, runs, ec);
    if (result == detail::walk_result::refused) {
        const int maps = detail::maps_of(target_, ec);
        result = ec ? detail::walk_result::failed : walk_used_entries(target_, pagemap, maps, at, end, runs, ec);
    }
    if (const std::error_code why = lost(target_, pagemap)) {
        ec = why;
        result = detail::walk_result::failed;
    }
    if (result == detail::walk_result::failed) throw memory_error(operation, target_.id(), at, ec);
    if (result == detail::walk_result::over) runs.finish(end);
}

std::vector<page_run> page_map::scan(address_range range, page_state wanted) const {
    std::vector<page_run> runs;
    scan(range, wanted, [&](const page_run& run) { runs.push_back(run); });
    return runs;
}

std::vector<page_run> scan_pages(const process& target, address_range range, page_state wanted) {
    return page_map(target).scan(range, wanted);
}

}  // namespace vmio
