// SPDX-License-Identifier: BSL-1.0
#include "process/proc_file.hpp"

#include <cerrno>

#include <fcntl.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/proc_stat.hpp"
#include "process/process_state.hpp"

namespace vmio::detail {
namespace {

/// The errno for a process that no longer runs its program.
std::error_code ended_or_replaced(const process& target) noexcept {
    const bool ended = !target.alive() || all_threads_exiting(target.proc_directory());
    return system_error_of(ended ? ESRCH : ESTALE);
}

}  // namespace

std::error_code lost_program(const process& target) noexcept {
    const auto* const state = process_access::state_of(target);
    if (state == nullptr) return system_error_of(ESRCH);
    std::error_code ec;
    if (!state->same_program(ec)) return ended_or_replaced(target);
    return is_exhaustion(ec) ? ec : std::error_code();
}

std::error_code gone_only_if_ended(const process& target, std::error_code ec) noexcept {
    return ec.value() == ESRCH ? ended_or_replaced(target) : ec;
}

file_descriptor open_proc_file(const process& target, const char* name, std::error_code& ec) noexcept {
    file_descriptor file(sys::openat(target.proc_directory(), name, O_RDONLY | O_CLOEXEC));
    ec = file ? std::error_code() : last_system_error();
    if (target.proc_directory() < 0) ec = system_error_of(EACCES);  // /proc is hidden from us, or not mounted
    if (ec.value() == ENOENT) ec = system_error_of(ENOSYS);
    if (const std::error_code why = lost_program(target)) ec = why;
    ec = gone_only_if_ended(target, ec);
    return file;
}

int maps_of(const process& target, std::error_code& ec) noexcept {
    const auto* const state = process_access::state_of(target);
    if (state == nullptr) return ec = system_error_of(ESRCH), -1;
    const int maps = state->open_maps(ec);
    ec = gone_only_if_ended(target, ec);
    return maps;
}

std::error_code prepare_lost_program(const process& target) noexcept {
    const auto* const state = process_access::state_of(target);
    return state == nullptr ? system_error_of(ESRCH) : state->keep_stat();
}

}  // namespace vmio::detail
