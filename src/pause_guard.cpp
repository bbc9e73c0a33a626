// SPDX-License-Identifier: BSL-1.0
#include <vmio/pause_guard.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <mutex>
#include <thread>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmio/error.hpp>

#include "register_sets.hpp"
#include "system_error.hpp"
#include "thread_list.hpp"

namespace vmio {

/// ptrace(2) serves only the thread that attached, so there is one that does nothing else.
class VMIO_HIDDEN pause_guard::tracer {
public:
    explicit tracer(const process& target) : target_(target) {
        try {
            thread_ = std::thread([this] { run(); });
        } catch (const std::system_error& e) {
            throw memory_error("pause", target.id(), 0, system_error_of(e.code().value()));
        }
        std::unique_lock lock(mutex_);
        while (!changed_.wait_for(lock, std::chrono::milliseconds(5), [this] { return finished_; }))
            reap_dead_threads();
        if (!error_) return;
        lock.unlock();
        thread_.join();
        throw memory_error("pause", target.id(), 0, error_);
    }
    ~tracer() { resume(); }

    void resume() noexcept {
        if (!thread_.joinable()) return;
        {
            const std::lock_guard lock(mutex_);
            released_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

    const std::vector<pid_t>& threads() const noexcept { return ids_; }

    std::vector<thread_registers> registers(std::span<const std::uint32_t> types) {
        request asked{types, {}, {}, false};
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return asked_ == nullptr; });
        if (over_) return {};
        asked_ = &asked;
        changed_.notify_all();
        changed_.wait(lock, [&] { return asked.done; });
        if (asked.problem) std::rethrow_exception(asked.problem);
        return std::move(asked.answer);
    }

    /// In a fork of our process there is no thread to join, and nothing of ours to let go.
    bool belongs_to_another_process() const noexcept { return owner_ != ::getpid(); }

private:
    /// For the tracing thread, by another that waits.
    struct request {
        std::span<const std::uint32_t> types;
        std::vector<thread_registers> answer;
        std::exception_ptr problem;
        bool done = false;
    };

    void run() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_BLOCK, &all, nullptr);  // the program's handlers are not for this thread
        std::error_code ec;
        try {
            ec = stop_all();
        } catch (const std::bad_alloc&) {
            ec = system_error_of(ENOMEM);
        }
        std::unique_lock lock(mutex_);
        if (!ec)
            for (const traced_thread& t : threads_)
                if (t.stopped) ids_.push_back(t.id);  // there is room: see add()
        error_ = ec;
        finished_ = true;
        changed_.notify_all();
        // A killed target stays half dead until its tracer lets go, and its parent waits: look from time to time.
        while (!error_ && !released_ && !all_ended()) {
            changed_.wait_for(lock, std::chrono::milliseconds(20), [this] { return released_ || asked_ != nullptr; });
            answer();
        }
        over_ = true;
        answer();
        // ESRCH: it was killed meanwhile. What this thread still traces, its end lets go of.
        for (const traced_thread& t : threads_)
            if (!t.ended) ::ptrace(PTRACE_DETACH, t.id, nullptr, nullptr);
    }

    void answer() noexcept {
        if (asked_ == nullptr) return;
        try {
            for (const pid_t id : ids_) {
                std::error_code ec;
                thread_registers of_one = read_registers(id, asked_->types, ec);
                if (ec && ec.value() != ESRCH) throw memory_error("read of registers", target_.id(), 0, ec);
                if (!ec) asked_->answer.push_back(std::move(of_one));
            }
        } catch (...) {
            asked_->problem = std::current_exception();
        }
        asked_->done = true;
        asked_ = nullptr;
        changed_.notify_all();
    }

    struct traced_thread {
        pid_t id = 0;
        bool stopped = false;
        bool ended = false;
    };

    /// Until two passes over the threads find none that was not stopped: those that still run may make more, and one
    /// that ends cuts the list short.
    std::error_code stop_all() {
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

    /// Stopped by us, or dead and listed all the same: a leader that ended before its threads. An exec gives either id
    /// to another thread.
    bool is_settled(pid_t id) const noexcept {
        siginfo_t info;
        std::error_code ec;  // then the attempt to seize it tells
        return std::any_of(threads_.begin(), threads_.end(), [&](const traced_thread& t) {
            return t.id == id &&
                   (t.stopped ? is_stopped(id, info) : t.ended && is_ending(target_.proc_directory(), id, ec));
        });
    }

    /// `info` says what stopped it; nothing for a stop of the whole group (EINVAL).
    static bool is_stopped(pid_t id, siginfo_t& info) noexcept {
        info = {};
        return ::ptrace(PTRACE_GETSIGINFO, id, nullptr, &info) == 0 || last_system_error().value() == EINVAL;
    }

    void add(pid_t id) {
        const std::lock_guard lock(mutex_);
        std::erase_if(threads_, [id](const traced_thread& t) { return t.id == id; });
        ids_.reserve(threads_.size() + 1);
        threads_.push_back({.id = id});
    }

    std::error_code seize(traced_thread& thread) noexcept {
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
    std::error_code wait_for_stops() noexcept {
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
    bool look_at(traced_thread& thread, std::error_code& ec) noexcept {
        siginfo_t info;
        if (is_stopped(thread.id, info)) {
            siginfo_t report{};
            ::waitid(P_PID, static_cast<id_t>(thread.id), &report, WSTOPPED | WNOHANG | __WALL | __WNOTHREAD);
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
    void reap(pid_t id) const noexcept {
        if (id != target_.id()) ::waitpid(id, nullptr, WNOHANG | __WALL);
    }

    /// For the constructor's thread: an exec in the target waits until its dead threads are reaped, and the tracer may
    /// itself be waiting for the exec. All where nobody can tell: another report of theirs nobody needs.
    void reap_dead_threads() noexcept {
        std::error_code ec;
        for (const traced_thread& t : threads_)
            if (is_ending(target_.proc_directory(), t.id, ec) || ec) reap(t.id);
    }

    bool all_ended() noexcept {
        for (traced_thread& t : threads_) {
            std::error_code ec;
            if (t.ended || !is_ending(target_.proc_directory(), t.id, ec)) continue;
            reap(t.id);
            t.ended = true;
        }
        return std::all_of(threads_.begin(), threads_.end(), [](const auto& t) { return t.ended; });
    }

    const process target_;
    const pid_t owner_ = ::getpid();
    std::mutex mutex_;
    std::condition_variable changed_;
    bool finished_ = false;
    bool released_ = false;
    bool over_ = false;
    request* asked_ = nullptr;
    std::error_code error_;
    std::vector<traced_thread> threads_;  // changes size under the mutex
    std::vector<pid_t> ids_;
    std::thread thread_;
};

pause_guard::pause_guard(const process& target) {
    // No signal: it only tells whether there is such a thread of ours.
    if (::syscall(SYS_tgkill, ::getpid(), target.id(), 0) == 0)
        throw memory_error("pause", target.id(), 0, system_error_of(EINVAL));
    tracer_.reset(new tracer(target));
}

void pause_guard::resumer::operator()(tracer* t) const noexcept {
    if (!t->belongs_to_another_process()) delete t;
}

pause_guard::pause_guard(pause_guard&&) noexcept = default;
pause_guard& pause_guard::operator=(pause_guard&&) noexcept = default;
pause_guard::~pause_guard() = default;

void pause_guard::resume() noexcept {
    if (tracer_ && !tracer_->belongs_to_another_process()) tracer_->resume();
}

const std::vector<pid_t>& pause_guard::threads() const noexcept {
    return tracer_->threads();
}

std::vector<thread_registers> pause_guard::registers() const {
    return registers(known_register_sets());
}

std::vector<thread_registers> pause_guard::registers(std::span<const std::uint32_t> types) const {
    if (tracer_->belongs_to_another_process()) return {};
    return tracer_->registers(types);
}

}  // namespace vmio
