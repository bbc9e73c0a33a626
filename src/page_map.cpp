// SPDX-License-Identifier: BSL-1.0
#include <vmio/page_map.hpp>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>

#include <unistd.h>

#include <vmio/error.hpp>

#include "file_descriptor.hpp"
#include "page_runs.hpp"
#include "pagemap_walk.hpp"
#include "proc_file.hpp"
#include "system_error.hpp"

namespace vmio {

struct VMIO_HIDDEN page_map::state {
    file_descriptor pagemap;
};

namespace {

constexpr const char* operation = "scan of /proc/PID/pagemap";

/// Whether what was seen was this program's: the file has no entries once its memory is gone.
std::error_code lost(const process& who, int pagemap) noexcept {
    std::uint64_t entry;
    const ssize_t got = ::pread(pagemap, &entry, sizeof entry, 0);
    if (got < 0) return last_system_error();
    if (!who.alive()) return system_error_of(ESRCH);
    return got == 0 ? system_error_of(ESTALE) : std::error_code();
}

}  // namespace

std::shared_ptr<const page_map::state> page_map::open(const process& who, std::error_code& ec) noexcept {
    file_descriptor pagemap = open_proc_file(who, "pagemap", ec);
    if (ec) return nullptr;
    try {
        return std::make_shared<const state>(state{std::move(pagemap)});
    } catch (const std::bad_alloc&) {
        ec = system_error_of(ENOMEM);
        return nullptr;
    }
}

page_map::page_map(process who, std::error_code& ec) noexcept : who_(std::move(who)), state_(open(who_, ec)) {}

page_map::page_map(process who) : who_(std::move(who)) {
    std::error_code ec;
    state_ = open(who_, ec);
    if (ec) throw memory_error("open of /proc/PID/pagemap", who_.id(), 0, ec);
}

void page_map::walk(address_range range, page_state wanted, bool (*each)(void*, const page_run&), void* context) const {
    if (!state_) throw memory_error(operation, who_.id(), range.start(), system_error_of(EBADF));
    if (range.empty()) return;
    const address top = align_down(std::numeric_limits<address>::max(), page_size());
    const address end = range.end() > top ? top : align_up(range.end(), page_size());
    address at = std::min(align_down(range.start(), page_size()), end);
    page_runs runs(wanted, at, each, context);
    const int pagemap = state_->pagemap.get();
    std::error_code ec;
    walk_result result = walk_by_scan(pagemap, at, end, wanted, runs, ec);
    if (result == walk_result::refused) {
        ec = who_.maps() < 0 ? system_error_of(EACCES) : std::error_code();
        result = ec ? walk_result::failed : walk_by_entries(pagemap, who_.maps(), at, end, runs, ec);
    }
    if (const std::error_code why = lost(who_, pagemap)) {
        ec = why;
        result = walk_result::failed;
    }
    if (result == walk_result::failed) throw memory_error(operation, who_.id(), at, ec);
    if (result == walk_result::over) runs.finish(end);
}

std::vector<page_run> page_map::scan(address_range range, page_state wanted) const {
    std::vector<page_run> runs;
    scan(range, wanted, [&](const page_run& run) { runs.push_back(run); });
    return runs;
}

std::vector<page_run> scan_pages(const process& who, address_range range, page_state wanted) {
    return page_map(who).scan(range, wanted);
}

}  // namespace vmio
