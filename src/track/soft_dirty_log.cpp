// SPDX-License-Identifier: BSL-1.0
#include "track/soft_dirty_log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>

#include <fcntl.h>
#include <sys/mman.h>

#include <vmio/error.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "process/check_program.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"
#include "track/selected_mappings.hpp"

namespace vmio::detail {
namespace {

constexpr std::uint64_t soft_dirty = std::uint64_t{1} << 55;
constexpr const char* clearing = "write to /proc/PID/clear_refs";

/// Appends the pages of `range` whose bit is set.
std::error_code read_bits(int pagemap, const address_range& range, std::vector<address_range>& dirty) {
    std::array<std::uint64_t, 1024> entries;
    for (address at = range.start(); at < range.end();) {
        const auto most = std::min<std::uint64_t>(entries.size(), (range.end() - at) / page_size());
        const ssize_t got = sys::pread(pagemap, entries.data(), static_cast<std::size_t>(most) * sizeof entries[0],
                                       static_cast<off_t>(at / page_size() * sizeof entries[0]));
        if (got < static_cast<ssize_t>(sizeof entries[0]))
            return got < 0 ? last_system_error() : system_error_of(ESRCH);
        for (std::size_t i = 0; i < static_cast<std::size_t>(got) / sizeof entries[0]; ++i, at += page_size())
            if ((entries[i] & soft_dirty) != 0) append(dirty, {at, at + page_size()});
    }
    return {};
}

}  // namespace

bool has_soft_dirty() {
    static const bool has = [] {
        void* const page = ::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) return false;
        *static_cast<volatile char*>(page) = 1;
        const file_descriptor own(sys::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
        std::vector<address_range> dirty;
        const bool readable =
            own && !read_bits(own.get(), address_range::of_size(address_of(page), page_size()), dirty);
        ::munmap(page, page_size());
        return readable && !dirty.empty();
    }();
    return has;
}

soft_dirty_log::soft_dirty_log(const process& target, std::vector<address_range> ranges, bool any,
                               const pause_options& limits)
    : target_(target), ranges_(std::move(ranges)), any_(any), limits_(limits), pages_(target), pagemap_([&] {
          std::error_code ec;
          file_descriptor file = open_proc_file(target, "pagemap", ec);
          if (ec) throw opening_error("open of /proc/PID/pagemap", target.id(), 0, ec);
          return file;
      }()) {
    clear();
}

void soft_dirty_log::clear() const {
    const file_descriptor file(sys::openat(target_.proc_directory(), "clear_refs", O_WRONLY | O_CLOEXEC));
    const bool cleared = file && sys::write(file.get(), "4", 1) == 1;
    const std::error_code ec = cleared ? std::error_code() : last_system_error();
    check_program(target_, clearing);
    if (ec) throw opening_error(clearing, target_.id(), 0, ec);
}

/// Only pages that are present or swapped are looked at.
std::vector<address_range> soft_dirty_log::dirty(range_span pages) const {
    std::vector<address_range> found;
    std::error_code ec;
    for (const address_range& range : pages)
        pages_.scan(range, page_state::present | page_state::swapped, [&](const page_run& run) {
            if (!ec) ec = read_bits(pagemap_.get(), run.range, found);
        });
    check_program(target_, "tracking of writes");
    if (ec) throw memory_error("read of /proc/PID/pagemap", target_.id(), 0, ec);
    return found;
}

std::vector<address_range> soft_dirty_log::written(bool restart) {
    std::optional<pause_guard> pause;
    if (restart) pause.emplace(target_, limits_);
    const selected_mappings now = select_mappings(target_, ranges_, any_, {});
    std::vector<address_range> result = united(dirty(now.parts), intersected(seen_, now.parts));
    if (restart) {
        clear();
        seen_.clear();
    }
    return result;
}

void soft_dirty_log::watch(range_span) {
    throw memory_error("tracking of writes", target_.id(), 0, system_error_of(EOPNOTSUPP));
}

std::vector<address_range> soft_dirty_log::written_of(range_span pages) {
    return dirty(pages);
}

void soft_dirty_log::forget(range_span pages) {
    seen_ = without(written(false), pages);
    clear();
}

}  // namespace vmio::detail
