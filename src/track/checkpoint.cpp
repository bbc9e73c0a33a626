// SPDX-License-Identifier: BSL-1.0
#include <vmio/checkpoint.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <span>
#include <utility>

#include <vmio/error.hpp>

#include "base/cancellation.hpp"
#include "base/range_set.hpp"
#include "base/system_error.hpp"
#include "capture/capture_access.hpp"
#include "capture/diff_runs.hpp"
#include "inject/restartable_sequence.hpp"
#include "process/pause_access.hpp"
#include "process/register_sets.hpp"
#include "track/restore_pages.hpp"
#include "track/selected_mappings.hpp"
#include "track/tracker_access.hpp"

namespace vmio {
namespace {

/// Returns: the areas of the paused threads that the kernel writes, a set.
std::vector<address_range> sequence_areas(const pause_guard& pause) {
    std::vector<address_range> areas;
    detail::pause_access::run(pause, [&] {
        for (const pid_t thread : pause.threads()) areas.push_back(detail::sequence_area_of(thread));
    });
    return detail::made_set(std::move(areas));
}

bool has_the_threads(const process_snapshot& base, const pause_guard& pause) {
    std::vector<pid_t> before;
    for (const thread_registers& t : base.threads()) before.push_back(t.id);
    std::vector<pid_t> now = pause.threads();
    std::sort(before.begin(), before.end());
    std::sort(now.begin(), now.end());
    return before == now;
}

void restore_registers(const process_snapshot& base, const pause_guard& pause) {
    detail::pause_access::run(pause, [&] {
        for (const thread_registers& t : base.threads()) {
            const std::vector<pid_t>& now = pause.threads();
            if (std::find(now.begin(), now.end(), t.id) == now.end()) continue;
            const std::error_code ec = detail::write_registers(t.id, t);
            if (ec && ec.value() != ESRCH) throw memory_error("write of registers", base.process_id(), 0, ec);
        }
    });
}

}  // namespace

checkpoint::checkpoint(const process& target, const checkpoint_options& options)
    : options_(options),
      tracker_(target, {.ranges = options.ranges, .pause_limits = options.pause_limits}),
      memory_(target),
      base_(capture()) {}

capture_options checkpoint::selection() const {
    capture_options options;
    options.ranges = options_.ranges;
    options.regions.wanted = [shared = options_.shared](const mapping& m) {
        return m.perms.write && (shared || !m.perms.shared);
    };
    return options;
}

/// Precondition: the tracker has been restarted before, so that it knows of every write after the capture. Of some
/// before, too, which does no harm.
process_snapshot checkpoint::capture() const {
    capture_options options = selection();
    options.pause = true;
    options.pause_limits = options_.pause_limits;
    return process_snapshot::capture(memory_, options);
}

std::vector<address_range> checkpoint::differences() const {
    constexpr std::uint64_t step = 1 << 18;
    std::vector<std::byte> before;
    std::vector<std::byte> now;
    detail::diff_runs runs(0);
    for (const address_range& pages : changed())
        for (address at = pages.start(); at < pages.end();) {
            before.resize(static_cast<std::size_t>(std::min(step, pages.end() - at)));
            now.resize(before.size());
            std::error_code ec;
            const std::size_t size = memory_.read_some(at, now, ec);
            base_.read(at, before);
            runs.compare(at, std::span(before).first(size), std::span(now).first(size));
            at += size;
            if (size == now.size()) continue;
            const address next = std::min(next_boundary(at, page_size()), pages.end());  // it cannot be read
            runs.add({at, next});
            at = next;
        }
    return runs.take();
}

restore_result checkpoint::restore() {
    const detail::cancellation_disabled now;
    detail::write_log& log = detail::tracker_access::log_of(tracker_);
    const pause_guard pause(tracker_.target(), options_.pause_limits);
    take_written();
    write_back_result done = detail::restore_pages(base_, memory_, detail::without(pending_, sequence_areas(pause)));
    if (options_.registers) restore_registers(base_, pause);
    pause.check();
    log.forget(pending_);  // they are written now, but by this process

    const std::vector<address_range> mapped =
        detail::select_mappings(tracker_.target(), base_.ranges(), true, {}).parts;
    for (const address_range& gone : detail::without(detail::without(base_.ranges(), mapped), pending_))
        done.failed.push_back({gone, detail::system_error_of(EFAULT)});
    std::sort(done.failed.begin(), done.failed.end(),
              [](const write_failure& a, const write_failure& b) { return a.range.start() < b.range.start(); });
    // What could not be written is still to be restored.
    std::vector<address_range> failed;
    for (const write_failure& f : done.failed) detail::append(failed, f.range);
    pending_ = detail::intersected(failed, mapped);
    return {done.written, std::move(done.failed), has_the_threads(base_, pause)};
}

std::vector<address_range> checkpoint::changed() const {
    return detail::intersected(detail::united(pending_, tracker_.written()), base_.ranges());
}

/// To be called under a pause.
void checkpoint::take_written() {
    const std::vector<address_range> written = detail::tracker_access::log_of(tracker_).written(true);
    pending_ = detail::united(pending_, detail::intersected(written, base_.ranges()));
    elsewhere_ = detail::united(elsewhere_, detail::without(written, base_.ranges()));
}

void checkpoint::advance() {
    const detail::cancellation_disabled now;
    const pause_guard pause(tracker_.target(), options_.pause_limits);
    take_written();
    const detail::write_log& log = detail::tracker_access::log_of(tracker_);
    const std::vector<address_range> changed = detail::united(detail::united(pending_, elsewhere_), log.untracked());
    const process_snapshot next = detail::capture_access::capture_changes(pause, memory_, selection(), base_, changed);
    pause.check();
    base_ = next;
    pending_.clear();
    elsewhere_.clear();
}

}  // namespace vmio
