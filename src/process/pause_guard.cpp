// SPDX-License-Identifier: BSL-1.0
#include <vmio/pause_guard.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include <sys/syscall.h>
#include <unistd.h>

#include <vmio/error.hpp>

#include "base/cancellation.hpp"
#include "base/system_error.hpp"
#include "base/worker_thread.hpp"
#include "process/opening_error.hpp"
#include "process/pause_access.hpp"
#include "process/register_sets.hpp"
#include "process/traced_threads.hpp"
#include "process/waiting_reader.hpp"

namespace vmio {

namespace {

using clock = std::chrono::steady_clock;

/// Not positive, or out of the range of the clock: no limit.
clock::time_point deadline_after(std::chrono::milliseconds limit) {
    const clock::time_point now = clock::now();
    const bool limited = limit.count() > 0 && limit < clock::time_point::max() - now;
    return limited ? now + limit : clock::time_point::max();
}

}  // namespace

/// ptrace(2) accepts requests only from the thread that attached, hence a dedicated thread.
class VMIO_HIDDEN pause_guard::tracer {
public:
    tracer(const process& target, const pause_options& options)
        : target_(target),
          options_(options),
          threads_(target, mutex_, deadline_after(options.stop_timeout)),
          readers_(target.id()) {
        const detail::cancellation_disabled now;
        do {
            finished_ = false;
            start();
        } while (error_ && threads_.has_strayed() && threads_.forget());
        if (!error_) return;
        if (explanation_.empty()) throw detail::opening_error("pause", target.id(), 0, error_);
        throw memory_error("pause", target.id(), 0, error_, explanation_);
    }
    ~tracer() {
        resume();
        const detail::cancellation_disabled now;
        if (thread_.joinable()) thread_.join();
    }

    void resume() noexcept {
        if (!thread_.joinable()) return;
        const detail::cancellation_disabled now;
        std::unique_lock lock(mutex_);
        released_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return let_go_; });
        if (afterwards_) return;
        lock.unlock();
        thread_.join();
    }

    const std::vector<pid_t>& threads() const noexcept { return ids_; }

    /// See pause_access::duration().
    clock::duration duration() const noexcept { return ended_ - began_; }

    bool holds() const noexcept { return thread_.joinable() && !over_; }

    void check() const {
        if (waited_for_)
            throw memory_error(
                "pause", target_.id(), 0, detail::system_error_of(EDEADLK),
                "a transfer waited for a page that its own threads may have to bring, as a user-space pager or "
                "file server does: it was let go, and what was read is not of one moment");
    }

    /// See pause_access::run().
    bool run_there(const std::function<void()>& work) {
        const detail::cancellation_disabled now;
        request asked{work, {}, false};
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return asked_ == nullptr; });
        if (over_) return false;
        asked_ = &asked;
        changed_.notify_all();
        changed_.wait(lock, [&] { return asked.done; });
        if (asked.problem) std::rethrow_exception(asked.problem);
        return true;
    }

    /// See pause_access::run_afterwards().
    bool run_afterwards(std::function<void()> work) {
        const std::lock_guard lock(mutex_);
        if (over_ || afterwards_) return false;
        afterwards_ = std::move(work);
        return true;
    }

    /// To be run by run_there().
    std::vector<thread_registers> registers(std::span<const std::uint32_t> types) const {
        std::vector<thread_registers> all;
        for (const pid_t id : ids_) {
            std::error_code ec;
            thread_registers of_one = detail::read_registers(id, types, ec);
            if (ec && ec.value() != ESRCH) throw memory_error("read of registers", target_.id(), 0, ec);
            if (!ec) all.push_back(std::move(of_one));
        }
        return all;
    }

    /// After fork(2) the child has no thread to join, and does not trace the target.
    bool belongs_to_another_process() const noexcept { return owner_ != ::getpid(); }

private:
    /// A request to the tracing thread; the requesting thread waits for the answer.
    struct request {
        const std::function<void()>& work;
        std::exception_ptr problem;
        bool done = false;
    };

    /// Starts the tracing thread, and waits until all threads of the target have stopped, or stopping has failed.
    void start() {
        try {
            thread_ = detail::worker_thread([this] { run(); });
        } catch (const std::system_error& e) {
            throw memory_error("pause", target_.id(), 0, detail::system_error_of(e.code().value()));
        }
        std::unique_lock lock(mutex_);
        while (!changed_.wait_for(lock, std::chrono::milliseconds(5), [this] { return finished_; }))
            threads_.reap_dead();
        if (!error_) return;
        lock.unlock();
        thread_.join();
    }

    void run() noexcept {
        std::error_code ec;
        std::vector<pid_t> ids;
        std::string explanation;
        began_ = clock::now();
        try {
            ec = threads_.stop_all();
            if (ec) explanation = threads_.explain(ec);
            ids = threads_.stopped();
        } catch (const std::bad_alloc&) {
            ec = detail::system_error_of(ENOMEM);
        }
        std::unique_lock lock(mutex_);
        ids_ = std::move(ids);
        error_ = ec;
        explanation_ = std::move(explanation);
        finished_ = true;
        changed_.notify_all();
        // A killed target is not reaped by its parent until its tracer detaches: poll for its end.
        while (!error_ && !released_ && !waited_for_ && !threads_.all_ended()) {
            changed_.wait_for(lock, std::chrono::milliseconds(20), [this] { return released_ || asked_ != nullptr; });
            answer();
            waited_for_ = is_waited_for();
        }
        over_ = true;
        answer();
        threads_.let_go();
        ended_ = clock::now();
        let_go_ = true;
        changed_.notify_all();
        lock.unlock();
        if (afterwards_) afterwards_();
    }

    /// Whether a thread of this process has waited too long for a page that the target cannot provide while stopped.
    bool is_waited_for() noexcept {
        constexpr auto between_looks = std::chrono::milliseconds(200);
        const clock::time_point now = clock::now();
        if (options_.page_timeout.count() <= 0 || now - looked_ < between_looks) return false;
        const bool first = looked_ == clock::time_point();
        looked_ = now;
        try {
            return !first && readers_.look() >= options_.page_timeout;
        } catch (const std::bad_alloc&) {
            return false;  // out of memory; the next look may succeed
        }
    }

    void answer() noexcept {
        if (asked_ == nullptr) return;
        try {
            asked_->work();
        } catch (...) {
            asked_->problem = std::current_exception();
        }
        asked_->done = true;
        asked_ = nullptr;
        changed_.notify_all();
    }

    const process target_;
    const pause_options options_;
    const pid_t owner_ = ::getpid();
    std::mutex mutex_;
    std::condition_variable changed_;
    bool finished_ = false;
    bool released_ = false;
    bool let_go_ = false;
    clock::time_point began_;
    clock::time_point ended_;
    std::function<void()> afterwards_;  // not changed once let_go_ is set
    std::atomic<bool> over_{false};
    std::atomic<bool> waited_for_{false};
    request* asked_ = nullptr;
    std::error_code error_;
    std::string explanation_;
    detail::traced_threads threads_;
    detail::waiting_reader readers_;
    clock::time_point looked_;
    std::vector<pid_t> ids_;
    detail::worker_thread thread_;
};

pause_guard::pause_guard(const process& target, const pause_options& options) {
    if (target.id() == 0)
        throw memory_error("pause of a process that was opened by in_proc(): it has no id here", 0, 0,
                           detail::system_error_of(EOPNOTSUPP));
    // Signal 0 only checks whether the id is of a thread of this process.
    if (::syscall(SYS_tgkill, ::getpid(), target.id(), 0) == 0)
        throw memory_error("pause", target.id(), 0, detail::system_error_of(EINVAL));
    tracer_.reset(new tracer(target, options));
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

bool pause_guard::holds() const noexcept {
    return tracer_ && !tracer_->belongs_to_another_process() && tracer_->holds();
}

void pause_guard::check() const {
    tracer_->check();
}

const std::vector<pid_t>& pause_guard::threads() const noexcept {
    return tracer_->threads();
}

std::vector<thread_registers> pause_guard::registers() const {
    return registers(detail::known_register_sets());
}

std::vector<thread_registers> pause_guard::registers(std::span<const std::uint32_t> types) const {
    std::vector<thread_registers> all;
    detail::pause_access::run(*this, [&] { all = tracer_->registers(types); });
    return all;
}

bool detail::pause_access::run(const pause_guard& pause, const std::function<void()>& work) {
    return !pause.tracer_->belongs_to_another_process() && pause.tracer_->run_there(work);
}

std::chrono::nanoseconds detail::pause_access::duration(const pause_guard& pause) noexcept {
    return pause.tracer_->duration();
}

bool detail::pause_access::run_afterwards(const pause_guard& pause, std::function<void()> work) {
    return !pause.tracer_->belongs_to_another_process() && pause.tracer_->run_afterwards(std::move(work));
}

}  // namespace vmio
