// SPDX-License-Identifier: BSL-1.0
#include <vmio/write_tracker.hpp>

#include <cerrno>

#include <vmio/error.hpp>

#include "base/cancellation.hpp"
#include "base/system_error.hpp"
#include "track/selected_mappings.hpp"
#include "track/soft_dirty_log.hpp"
#include "track/tracker_access.hpp"
#include "track/userfaultfd.hpp"
#include "track/write_protection_log.hpp"

namespace vmio {
namespace {

tracking_method method_for(const process& target) {
    if (target.id() != 0 && target.pidfd() >= 0 && detail::has_write_protection())
        return tracking_method::write_protection;
    if (detail::has_soft_dirty()) return tracking_method::soft_dirty;
    throw memory_error("tracking of writes", target.id(), 0, detail::system_error_of(EOPNOTSUPP),
                       target.id() == 0 ? "the process was opened by in_proc(): it has no id here"
                                        : "this kernel has neither asynchronous write protection (userfaultfd, "
                                          "Linux 6.7; a seccomp filter may forbid it to this process) nor soft-dirty "
                                          "bits (CONFIG_MEM_SOFT_DIRTY): compare two captures instead");
}

}  // namespace

write_tracker::write_tracker(const process& target, const tracker_options& options)
    : target_(target), method_(method_for(target)), state_(new state) {
    const detail::cancellation_disabled now;
    std::vector<address_range> ranges = detail::selected_pages(options.ranges);
    const bool any = options.read_only_mappings;
    if (method_ == tracking_method::write_protection)
        state_->log =
            std::make_unique<detail::write_protection_log>(target, std::move(ranges), any, options.pause_limits);
    else
        state_->log = std::make_unique<detail::soft_dirty_log>(target, std::move(ranges), any, options.pause_limits);
}

write_tracker::write_tracker(write_tracker&&) noexcept = default;
write_tracker& write_tracker::operator=(write_tracker&&) noexcept = default;
write_tracker::~write_tracker() = default;

std::vector<address_range> write_tracker::written() const {
    return state_->log->written(false);
}

void write_tracker::restart() {
    state_->log->written(true);
}

std::vector<address_range> write_tracker::written_then_restart() {
    return state_->log->written(true);
}

std::vector<address_range> write_tracker::untracked() const {
    return state_->log->untracked();
}

}  // namespace vmio
