// SPDX-License-Identifier: BSL-1.0
#include "child/traced_run.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <span>
#include <vector>

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <vmio/error.hpp>
#include <vmio/process_memory.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "child/breakpoint_instruction.hpp"
#include "proc/thread_list.hpp"
#include "process/process_state.hpp"

namespace vmio::detail {
namespace {

int event_of(int status) noexcept {
    return status >> 16;
}

/// The signal that a stopped thread is about to get; 0 for none.
int signal_of(int status) noexcept {
    return event_of(status) == 0 ? WSTOPSIG(status) : 0;
}

/// Stopped by SIGSTOP and the like, as all threads of its process.
bool in_group_stop(int status) noexcept {
    return event_of(status) == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP;
}

/// A trap whose signal has not come yet: the thread stopped between the two.
bool has_pending_trap(pid_t thread) noexcept {
    siginfo_t pending[64];
    __ptrace_peeksiginfo_args all{0, 0, 64};
    const long count = ::ptrace(PTRACE_PEEKSIGINFO, thread, &all, pending);
    return std::any_of(pending, pending + std::max(count, 0L),
                       [](const siginfo_t& s) { return s.si_signo == SIGTRAP; });
}

pid_t wait_thread(pid_t id, int& status) noexcept {
    siginfo_t info{};
    if (sys::waitid(P_PID, static_cast<id_t>(id), &info, WSTOPPED | WEXITED | WNOHANG | __WALL) != 0) return -1;
    if (info.si_pid == 0) return 0;
    // As waitpid(2) has it: an event is in the high bytes of the status of a stop.
    status = info.si_code == CLD_EXITED                                 ? info.si_status << 8
             : info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED ? info.si_status
                                                                        : info.si_status << 8 | 0x7f;
    return info.si_pid;
}

constexpr long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;

}  // namespace

std::error_code stop_at_exec(pid_t child, const file_descriptor& go, wait_clock::time_point deadline) noexcept {
    if (::ptrace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACEEXEC) != 0) return last_system_error();
    if (sys::write(go.get(), "g", 1) != 1) return last_system_error();
    int status = 0;
    const bool in_time = wait_until(
        [&] {
            const pid_t id = wait_thread(child, status);
            if (id == 0) return false;
            if (id < 0 || !WIFSTOPPED(status) || event_of(status) == PTRACE_EVENT_EXEC) return true;
            ::ptrace(in_group_stop(status) ? PTRACE_LISTEN : PTRACE_CONT, child, 0, signal_of(status));
            return false;
        },
        deadline);
    if (!in_time) return system_error_of(ETIMEDOUT);
    if (!WIFSTOPPED(status)) return {};  // what it has reported says why
    ::kill(child, SIGSTOP);
    if (::ptrace(PTRACE_DETACH, child, 0, 0) != 0) return last_system_error();
    return wait_for_stop(child, deadline);
}

std::error_code traced_run::seize_all() {
    const auto* const state = process_access::state_of(target_);
    for (bool more = true; std::exchange(more, false);) {
        std::error_code ec;
        for (const pid_t id : list_threads(state->directory.get(), ec)) {
            if (threads_.contains(id)) continue;
            if (::ptrace(PTRACE_SEIZE, id, 0, options) == 0)
                threads_[id] = {}, more = true;
            else if (errno != ESRCH)
                return last_system_error();
        }
        if (ec) return ec;
    }
    return threads_.empty() ? system_error_of(ESRCH) : std::error_code();
}

void traced_run::resume(pid_t id, thread& t) noexcept {
    t.now = state::running;
    ::ptrace(in_group_stop(t.status) ? PTRACE_LISTEN : PTRACE_CONT, id, 0, signal_of(t.status));
}

void traced_run::resume_all() noexcept {
    for (auto& [id, t] : threads_)
        if (t.now == state::stopped) resume(id, t);
}

bool traced_run::has_met(pid_t id, const thread& t) const noexcept {
    registers r{};
    return planted_ && signal_of(t.status) == SIGTRAP && registers_of(id, r) && program_counter(r) == where_ + advance;
}

/// To the instruction that was there, whose breakpoint has been met.
bool traced_run::set_back(pid_t id) const noexcept {
    registers r{};
    if (!registers_of(id, r)) return false;
    set_program_counter(r, where_);
    return set_registers(id, r);
}

std::error_code traced_run::plant() {
    if constexpr (!knows_breakpoints) return system_error_of(EOPNOTSUPP);
    try {
        const process_memory code(target_, {.force_write = true});
        code.read(where_, std::as_writable_bytes(std::span(before_).first(breakpoint.size())));
        code.write(where_, std::as_bytes(std::span(breakpoint)));
    } catch (const memory_error& e) {
        return e.code();
    }
    planted_ = true;
    return {};
}

std::error_code traced_run::remove_from(const process& from) const {
    try {
        process_memory(from, {.force_write = true})
            .write(where_, std::as_bytes(std::span(before_).first(breakpoint.size())));
    } catch (const memory_error& e) {
        if (e.code() != errc::no_such_process && e.code() != errc::program_changed) return e.code();
    }
    return {};
}

/// A process that was forked has a copy of the breakpoint, too.
void traced_run::end_fork(pid_t id) {
    int status = 0;
    if (!wait_until([&] { return wait_thread(id, status) != 0; }, deadline_) || !WIFSTOPPED(status)) return;
    std::error_code ec;
    if (const process copy(id, ec); !ec && planted_) ec = remove_from(copy);
    if (ec) failed_ = ec;
    ::ptrace(PTRACE_DETACH, id, 0, 0);
}

void traced_run::note(pid_t id, int status) {
    thread& t = threads_[id];
    if (!WIFSTOPPED(status)) {
        if (id == target_.id()) ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        threads_.erase(id);
        return;
    }
    t.now = state::stopped;
    t.status = status;
    unsigned long message = 0;
    if (event_of(status) != 0) ::ptrace(PTRACE_GETEVENTMSG, id, 0, &message);
    const auto other = static_cast<pid_t>(message);
    switch (event_of(status)) {
        case PTRACE_EVENT_CLONE: threads_.try_emplace(other); break;
        case PTRACE_EVENT_FORK: end_fork(other); break;
        case PTRACE_EVENT_VFORK: threads_[other].other = true; break;
        case PTRACE_EVENT_EXEC:
            if (t.other) {  // a program of its own now
                ::ptrace(PTRACE_DETACH, id, 0, 0);
                threads_.erase(id);
            } else {
                std::erase_if(threads_, [id](const auto& one) { return one.first != id && !one.second.other; });
                planted_ = false;
                failed_ = system_error_of(ESTALE);
            }
            break;
        default: met_ = met_ || has_met(id, t);
    }
}

/// Returns: whether something has happened.
bool traced_run::poll() {
    bool any = false;
    std::vector<pid_t> ids;
    for (const auto& [id, t] : threads_)
        if (t.now == state::running) ids.push_back(id);
    for (const pid_t id : ids) {
        int status = 0;
        const pid_t found = wait_thread(id, status);
        if (found == id) note(id, status);
        if (found < 0) threads_.erase(id);
        any = any || found != 0;
    }
    return any;
}

std::error_code traced_run::stop_all() {
    for (bool settled = false; !settled;) {
        for (const auto& [id, t] : threads_)
            if (t.now == state::running) ::ptrace(PTRACE_INTERRUPT, id, 0, 0);
        const auto all_stand = [this] {
            poll();
            return std::all_of(threads_.begin(), threads_.end(),
                               [](const auto& one) { return one.second.now == state::stopped; });
        };
        if (!wait_until(all_stand, std::max(deadline_, wait_clock::now() + std::chrono::seconds(1))))
            return system_error_of(ETIMEDOUT);
        settled = true;
        for (auto& [id, t] : threads_) {
            if (event_of(t.status) == 0 || !has_pending_trap(id)) continue;
            settled = false;  // its signal would end it once it is not traced: let it get that far
            t.now = state::running;
            ::ptrace(PTRACE_CONT, id, 0, 0);
        }
    }
    return {};
}

std::error_code traced_run::go_on() {
    ::kill(target_.id(), SIGCONT);  // it may have been stopped
    for (auto& [id, t] : threads_) {
        t.now = state::running;
        ::ptrace(PTRACE_CONT, id, 0, signal_of(t.status));
    }
    unsigned attempt = 0;
    while (!met_ && !failed_ && !threads_.empty()) {
        attempt = poll() ? 0 : attempt + 1;
        if (met_ || failed_) break;
        resume_all();
        if (attempt == 0) continue;
        if (wait_clock::now() >= deadline_) return system_error_of(ETIMEDOUT);
        nap(attempt);
    }
    if (threads_.empty()) return system_error_of(ESRCH);
    return failed_;
}

std::error_code traced_run::let_go(bool keep_stopped) {
    std::error_code ec = stop_all();
    if (planted_ && !threads_.empty())
        if (const std::error_code removed = remove_from(target_); !ec) ec = removed;
    std::vector<std::pair<pid_t, int>> signals;
    for (auto& [id, t] : threads_) {
        const bool met = has_met(id, t);
        if (met) set_back(id);
        signals.emplace_back(id, met ? 0 : signal_of(t.status));
    }
    if (keep_stopped) ::kill(target_.id(), SIGSTOP);
    for (const auto& [id, signal] : signals) ::ptrace(PTRACE_DETACH, id, 0, signal);
    threads_.clear();
    if (keep_stopped && !ec) ec = wait_for_stop(target_.id(), std::max(deadline_, wait_clock::now()));
    return ec;
}

std::error_code traced_run::run() {
    std::error_code ec = seize_all();
    if (!ec) ec = stop_all();
    if (!ec) ec = plant();
    if (!ec) ec = go_on();
    const std::error_code end = let_go(!ec && met_);
    return ec ? ec : end;
}

}  // namespace vmio::detail
