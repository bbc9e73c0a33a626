// SPDX-License-Identifier: BSL-1.0
#include "process/traced_threads.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/thread_list.hpp"
#include "proc/thread_wait.hpp"

namespace vmio::detail {
namespace {

/// `info`: the reason of the stop; zero for a group-stop (EINVAL).
bool is_stopped(pid_t id, siginfo_t& info) noexcept {
    info = {};
    return ::ptrace(PTRACE_GETSIGINFO, id, nullptr, &info) == 0 || last_system_error().value() == EINVAL;
}

/// Whether a seized thread, whose id therefore cannot be recycled, belongs to the process.
bool is_member(const process& target, pid_t thread) noexcept {
    char place[32];
    std::snprintf(place, sizeof place, "task/%d", thread);
    return ::faccessat(target.proc_directory(), place, F_OK, 0) == 0;
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
        if (fresh && is_late()) return system_error_of(ETIMEDOUT);  // created faster than they can be stopped
    }
    const bool any = std::any_of(threads_.begin(), threads_.end(), [](const auto& t) { return t.stopped; });
    return any && target_.alive() ? std::error_code() : system_error_of(ESRCH);
}

std::string traced_threads::explain(const std::error_code& ec) const {
    const int directory = target_.proc_directory();
    if (ec.value() == EPERM && refused_ != 0) {
        const pid_t tracer = read_thread_status(directory, refused_).tracer;
        if (tracer == 0) return {};
        return describe_process(tracer) + " traces it already; a process can have one tracer";
    }
    if (ec.value() != ETIMEDOUT) return {};
    for (const traced_thread& t : threads_)
        if (!t.stopped && !t.ended) return describe_wait(directory, t.id) + "; no thread is kept stopped";
    return "it makes threads faster than they can be stopped; no thread is kept stopped";
}

bool traced_threads::forget() noexcept {
    threads_.clear();
    strayed_ = false;
    return !is_late();
}

std::vector<pid_t> traced_threads::stopped() const {
    std::vector<pid_t> ids;
    for (const traced_thread& t : threads_)
        if (t.stopped) ids.push_back(t.id);
    return ids;
}

/// Whether the thread needs no seizing: stopped by this tracer, or dead but still listed (a leader that ended before
/// its threads). An exec may assign either id to another thread, hence the check of its state.
bool traced_threads::is_settled(pid_t id) const noexcept {
    siginfo_t info;
    std::error_code ec;  // ignored: an attempt to seize it reports the error
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

/// Seizes a thread and asks it to stop. If its id was recycled for a thread of another process since the listing, that
/// thread is not interrupted.
std::error_code traced_threads::seize_one(pid_t id) noexcept {
    if (::ptrace(PTRACE_SEIZE, id, nullptr, nullptr) != 0) return last_system_error();
    if (!is_member(target_, id)) {
        strayed_ = true;
        return system_error_of(EAGAIN);
    }
    ::ptrace(PTRACE_INTERRUPT, id, nullptr, nullptr);
    return {};
}

std::error_code traced_threads::seize(traced_thread& thread) noexcept {
    for (int tries = 0;; ++tries) {
        const std::error_code refusal = seize_one(thread.id);
        if (!refusal || strayed_) return refusal;
        if (::ptrace(PTRACE_INTERRUPT, thread.id, nullptr, nullptr) == 0) return {};  // seized under another id
        // A thread that is ending cannot be seized and needs no stopping.
        std::error_code ec;
        thread.ended = refusal.value() == ESRCH || is_ending(target_.proc_directory(), thread.id, ec);
        if (thread.ended || ec) return ec;
        // During an exec the leader dies, and its id passes to the calling thread: retry.
        if (refusal.value() != EPERM || tries == 8) {
            refused_ = thread.id;
            return refusal;
        }
    }
}

/// An error if the state of a thread cannot be read, since the wait for it might never end.
std::error_code traced_threads::wait_for_stops() noexcept {
    std::error_code ec;
    for (unsigned pause = 20;; pause = std::min(2 * pause, 1000u)) {
        const bool late = is_late();  // read first, so that a late wake-up is followed by one more look
        bool waiting = false;
        for (traced_thread& t : threads_) waiting |= !(ec || t.stopped || t.ended || look_at(t, ec));
        if (!waiting || ec) return ec;
        if (late) return system_error_of(ETIMEDOUT);
        ::usleep(pause);
    }
}

/// Returns: whether the thread has stopped or ended. Queries its state instead of waiting for the report, which a
/// wait(2) elsewhere in the program may have consumed.
bool traced_threads::look_at(traced_thread& thread, std::error_code& ec) noexcept {
    siginfo_t info;
    if (is_stopped(thread.id, info)) {
        siginfo_t report{};
        sys::waitid(P_PID, static_cast<id_t>(thread.id), &report, WSTOPPED | WNOHANG | __WALL | __WNOTHREAD);
        const bool signal_arrived = info.si_signo != 0 && info.si_code >> 8 != PTRACE_EVENT_STOP;
        if (signal_arrived) {
            // Deliver the signal at once, so that it cannot be lost; the interrupt takes effect before any instruction.
            ::ptrace(PTRACE_CONT, thread.id, nullptr, static_cast<long>(info.si_signo));
            return false;
        }
        thread.stopped = true;
        return true;
    }
    const thread_life life = life_of(target_.proc_directory(), thread.id, ec);
    if (ec) return false;
    if (life != thread_life::running) {
        if (life == thread_life::zombie) reap(thread.id);
        thread.ended = true;
        return true;
    }
    // After an exec the calling thread continues under the leader's id; it may not be seized yet, or be seized under
    // its old id without an interrupt. A second interrupt is harmless.
    if (seize_one(thread.id) && !strayed_) ::ptrace(PTRACE_INTERRUPT, thread.id, nullptr, nullptr);
    if (strayed_) ec = system_error_of(EAGAIN);
    return false;
}

/// The tracer reaps dead threads; the process itself is reaped by its parent, which may be this process.
/// Precondition: `id` is a zombie of the target, so that it cannot be recycled before this.
void traced_threads::reap(pid_t id) const noexcept {
    if (id != target_.id()) {
        siginfo_t report{};
        sys::waitid(P_PID, static_cast<id_t>(id), &report, WEXITED | WNOHANG | __WALL);
    }
}

/// Includes threads whose state cannot be read: their report has no other use.
void traced_threads::reap_dead() noexcept {
    for (const traced_thread& t : threads_) {
        std::error_code ec;
        if (life_of(target_.proc_directory(), t.id, ec) == thread_life::zombie || ec) reap(t.id);
    }
}

bool traced_threads::all_ended() noexcept {
    for (traced_thread& t : threads_) {
        std::error_code ec;
        if (t.ended) continue;
        const thread_life life = life_of(target_.proc_directory(), t.id, ec);
        if (ec || life == thread_life::running) continue;
        if (life == thread_life::zombie) reap(t.id);
        t.ended = true;
    }
    return std::all_of(threads_.begin(), threads_.end(), [](const auto& t) { return t.ended; });
}

void traced_threads::let_go() noexcept {
    for (const traced_thread& t : threads_)
        if (!t.ended) ::ptrace(PTRACE_DETACH, t.id, nullptr, nullptr);
}

}  // namespace vmio::detail
