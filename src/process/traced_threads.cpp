// SPDX-License-Identifier: BSL-1.0
#include "process/traced_threads.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/thread_list.hpp"

namespace vmio::detail {
namespace {

/// `info` says what stopped it; nothing for a stop of the whole group (EINVAL).
bool is_stopped(pid_t id, siginfo_t& info) noexcept {
    info = {};
    return ::ptrace(PTRACE_GETSIGINFO, id, nullptr, &info) == 0 || last_system_error().value() == EINVAL;
}

}  // namespace

std::error_code traced_threads::stop_all() {
    for (int clean = 0; clean < 2;) {
        std::error_code ec;
        bool fresh = false;
        for (const pid_t id : list_threads(target_.proc_directory(), ec)) {
            if (is_settled(id)) continue;
            fresh = true;
            add(id);
            if (ec = seize(threads_.back()); ec) return target_.alive() ? ec : system_error_of(ESRCH);
        }
        if (ec) return ec;
        if (ec = wait_for_stops(); ec) return ec;
        clean = fresh ? 0 : clean + 1;
    }
    const bool any = std::any_of(threads_.begin(), threads_.end(), [](const auto& t) { return t.stopped; });
    return any && target_.alive() ? std::error_code() : system_error_of(ESRCH);
}

std::vector<pid_t> traced_threads::stopped() const {
    std::vector<pid_t> ids;
    for (const traced_thread& t : threads_)
        if (t.stopped) ids.push_back(t.id);
    return ids;
}

/// Stopped by us, or dead and listed all the same: a leader that ended before its threads. An exec gives either id to
/// another thread.
bool traced_threads::is_settled(pid_t id) const noexcept {
    siginfo_t info;
    std::error_code ec;  // then the attempt to seize it tells
    return std::any_of(threads_.begin(), threads_.end(), [&](const traced_thread& t) {
        return t.id == id &&
               (t.stopped ? is_stopped(id, info) : t.ended && is_ending(target_.proc_directory(), id, ec));
    });
}

void traced_threads::add(pid_t id) {
    const std::lock_guard lock(mutex_);
    std::erase_if(threads_, [id](const traced_thread& t) { return t.id == id; });
    threads_.push_back({.id = id});
}

std::error_code traced_threads::seize(traced_thread& thread) noexcept {
    for (int tries = 0;; ++tries) {
        if (::ptrace(PTRACE_SEIZE, thread.id, nullptr, nullptr) == 0) {
            ::ptrace(PTRACE_INTERRUPT, thread.id, nullptr, nullptr);
            return {};
        }
        const std::error_code refusal = last_system_error();
        if (::ptrace(PTRACE_INTERRUPT, thread.id, nullptr, nullptr) == 0) return {};  // ours already, by another id
        // A thread that is ending cannot be seized and needs no stopping.
        std::error_code ec;
        thread.ended = refusal.value() == ESRCH || is_ending(target_.proc_directory(), thread.id, ec);
        if (thread.ended || ec) return ec;
        // An exec kept us waiting for a leader that died of it; now the id is that of the thread that called it.
        if (refusal.value() != EPERM || tries == 8) return refusal;
    }
}

/// What cannot be looked at could be waited for without end: an error.
std::error_code traced_threads::wait_for_stops() noexcept {
    std::error_code ec;
    for (unsigned pause = 20;; pause = std::min(2 * pause, 1000u)) {
        bool waiting = false;
        for (traced_thread& t : threads_) waiting |= !(ec || t.stopped || t.ended || look_at(t, ec));
        if (!waiting || ec) return ec;
        ::usleep(pause);
    }
}

/// True if it has stopped or ended. Asks the thread's state rather than waiting for the report of it, which
/// somebody else's wait(2) may have taken.
bool traced_threads::look_at(traced_thread& thread, std::error_code& ec) noexcept {
    siginfo_t info;
    if (is_stopped(thread.id, info)) {
        siginfo_t report{};
        sys::waitid(P_PID, static_cast<id_t>(thread.id), &report, WSTOPPED | WNOHANG | __WALL | __WNOTHREAD);
        const bool signal_arrived = info.si_signo != 0 && info.si_code >> 8 != PTRACE_EVENT_STOP;
        if (signal_arrived) {
            // Delivered at once, so that it is never ours to lose; the interrupt comes before any instruction.
            ::ptrace(PTRACE_CONT, thread.id, nullptr, static_cast<long>(info.si_signo));
            return false;
        }
        thread.stopped = true;
        return true;
    }
    if (is_ending(target_.proc_directory(), thread.id, ec)) {
        reap(thread.id);
        thread.ended = true;
        return true;
    }
    if (ec) return false;
    // After an exec the thread that called it goes on under the leader's id: perhaps not seized yet, perhaps seized
    // under its old id and never asked to stop. Asking twice does no harm.
    ::ptrace(PTRACE_SEIZE, thread.id, nullptr, nullptr);
    ::ptrace(PTRACE_INTERRUPT, thread.id, nullptr, nullptr);
    return false;
}

/// A dead thread that we traced is ours to wait for; the process itself is its parent's, which may be us.
void traced_threads::reap(pid_t id) const noexcept {
    if (id != target_.id()) ::waitpid(id, nullptr, WNOHANG | __WALL);
}

/// All where nobody can tell: another report of theirs nobody needs.
void traced_threads::reap_dead() noexcept {
    std::error_code ec;
    for (const traced_thread& t : threads_)
        if (is_ending(target_.proc_directory(), t.id, ec) || ec) reap(t.id);
}

bool traced_threads::all_ended() noexcept {
    for (traced_thread& t : threads_) {
        std::error_code ec;
        if (t.ended || !is_ending(target_.proc_directory(), t.id, ec)) continue;
        reap(t.id);
        t.ended = true;
    }
    return std::all_of(threads_.begin(), threads_.end(), [](const auto& t) { return t.ended; });
}

void traced_threads::let_go() noexcept {
    for (const traced_thread& t : threads_)
        if (!t.ended) ::ptrace(PTRACE_DETACH, t.id, nullptr, nullptr);
}

}  // namespace vmio::detail
