// SPDX-License-Identifier: BSL-1.0
#include "track/write_protection_log.hpp"

#include <algorithm>
#include <cerrno>

#include <vmio/error.hpp>

#include "base/system_error.hpp"
#include "process/check_program.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"
#include "track/userfaultfd.hpp"

namespace vmio::detail {
namespace {

constexpr const char* tracking = "tracking of writes";

/// What one page table holds, on machines whose entries have 8 bytes.
std::uint64_t block_size() noexcept {
    return page_size() / 8 * page_size();
}

/// The blocks that have a page of `pages`.
std::vector<address_range> blocks_of(range_span pages) {
    std::vector<address_range> blocks;
    for (const address_range& r : pages) {
        const address end = r.end() > 0 - block_size() ? r.end() : align_up(r.end(), block_size());
        const address start = align_down(r.start(), block_size());
        // Neighbouring runs often lie in one block.
        if (!blocks.empty() && start <= blocks.back().end())
            blocks.back() = {blocks.back().start(), std::max(blocks.back().end(), end)};
        else
            blocks.emplace_back(start, end);
    }
    return blocks;
}

file_descriptor open_pagemap(const process& target) {
    std::error_code ec;
    file_descriptor file = open_proc_file(target, "pagemap", ec);
    if (ec) throw opening_error("open of /proc/PID/pagemap", target.id(), 0, ec);
    return file;
}

}  // namespace

write_protection_log::write_protection_log(const process& target, std::vector<address_range> ranges, bool any,
                                           const pause_options& limits)
    : target_(target),
      ranges_(std::move(ranges)),
      any_(any),
      userfaultfd_(take_userfaultfd(target, limits)),
      pagemap_(open_pagemap(target)) {
    written(true);
}

void write_protection_log::check(std::error_code ec) const {
    check_program(target_, tracking);
    if (ec) throw memory_error(tracking, target_.id(), 0, gone_only_if_ended(target_, ec));
}

std::vector<address_range> write_protection_log::fresh(const selected_mappings& now) const {
    std::vector<address_range> unregistered;
    check(find_unregistered(pagemap_.get(), now.parts, unregistered));
    return united(without(now.parts, registered_), intersected(unregistered, now.parts));
}

void write_protection_log::register_all(const selected_mappings& now, range_span fresh) {
    std::vector<address_range> refused;
    std::vector<address_range> accepted;
    for (const address_range& mapping : now.whole) {
        const std::error_code ec =
            overlaps(fresh, mapping) ? register_range(userfaultfd_.get(), mapping) : std::error_code();
        if (ec.value() == ESRCH) check(ec);
        // One that has gone meanwhile is found by the next list.
        append(ec ? refused : accepted, mapping);
    }
    untracked_ = std::move(refused);
    registered_ = std::move(accepted);
}

/// Write-protects pages, a set, and the empty ones around them.
scanned_pages write_protection_log::protect(range_span pages) {
    scanned_pages found;
    check(find_changed(pagemap_.get(), pages, true, found));
    return found;
}

std::vector<address_range> write_protection_log::written(bool restart) {
    const selected_mappings now = select_mappings(target_, ranges_, any_, registered_);
    std::vector<address_range> result = fresh(now);
    if (restart) register_all(now, result);
    result = without(result, untracked_);
    const std::vector<address_range> tracked = without(now.parts, untracked_);
    const std::vector<address_range> known = restart ? tracked : without(tracked, result);
    const auto add = [&](const std::vector<address_range>& pages) { result = united(result, pages); };

    std::vector<address_range> populated;
    check(find_written(pagemap_.get(), without(known, protected_), populated));
    if (!restart) {
        std::vector<address_range> changed;
        check(find_unprotected(pagemap_.get(), intersected(protected_, known), false, changed));
        add(populated);
        add(changed);
        add(intersected(seen_, tracked));
        return result;
    }
    const std::vector<address_range> before = protected_;
    const auto mapped_before = [&](range_span blocks) { return intersected(blocks, blocks_of(now.whole)); };
    protected_ = united(mapped_before(before), blocks_of(populated));
    std::vector<address_range> changed;
    check(find_unprotected(pagemap_.get(), intersected(before, tracked), true, changed));
    add(changed);
    // The empty pages of blocks that are new were never marked.
    const scanned_pages found = protect(intersected(without(protected_, before), tracked));
    add(found.written);
    add(found.unchecked);
    add(intersected(seen_, tracked));
    seen_.clear();
    return result;
}

/// Registers the mappings of pages that are read, also those that are not selected.
void write_protection_log::register_mappings_of(range_span pages) {
    const auto read = select_mappings(target_, pages, true, {});
    for (const address_range& mapping : read.whole)
        if (const std::error_code ec = register_range(userfaultfd_.get(), mapping))
            throw memory_error(tracking, target_.id(), mapping.start(),
                               ec.value() == ESRCH ? gone_only_if_ended(target_, ec) : system_error_of(EOPNOTSUPP),
                               "the writes to this mapping cannot be recorded: another userfaultfd has it, or it is "
                               "memory of a device");
    const auto selected = select_mappings(target_, pages, any_, registered_);
    for (const address_range& mapping : selected.whole) {
        const range_span one(&mapping, 1);
        const std::vector<address_range> added = intersected(without(one, registered_), ranges_);
        seen_ = united(seen_, added);  // what was written there before is not known
        registered_ = united(registered_, one);
    }
}

void write_protection_log::watch(range_span pages) {
    const std::vector<address_range> all = made_set({pages.begin(), pages.end()});
    for (int tries = 0;; ++tries) {
        const std::vector<address_range> known = intersected(all, registered_);
        if (known != all) register_mappings_of(all);
        const std::vector<address_range> blocks = without(blocks_of(all), protected_);
        scanned_pages found = protect(all);
        // The other pages of a block that is new, so that they are known to be marked.
        const std::vector<address_range> rest = intersected(without(blocks, all), intersected(registered_, ranges_));
        std::vector<address_range> changed = united(found.written, intersected(found.empty, protected_));
        if (!rest.empty()) {
            const scanned_pages more = protect(rest);
            changed = united(changed, more.written);
            protected_ = united(protected_, blocks);
        }
        seen_ = united(seen_, intersected(changed, ranges_));
        if (found.unchecked.empty()) return;
        if (tries == 8)
            throw memory_error(tracking, target_.id(), found.unchecked.front().start(), system_error_of(EAGAIN),
                               "the target maps memory there faster than it can be followed");
        registered_ = without(registered_, found.unchecked);
    }
}

std::vector<address_range> write_protection_log::written_of(range_span pages) {
    std::vector<address_range> changed;
    check(find_unprotected(pagemap_.get(), pages, false, changed));
    return changed;
}

void write_protection_log::forget(range_span pages) {
    protect(intersected(pages, registered_));
    seen_ = without(seen_, pages);
}

}  // namespace vmio::detail
