// SPDX-License-Identifier: BSL-1.0
#include <vmio/pause_guard.hpp>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <mutex>
#include <thread>

#include <sys/syscall.h>
#include <unistd.h>

#include <vmio/error.hpp>

#include "base/system_error.hpp"
#include "process/opening_error.hpp"
#include "process/register_sets.hpp"
#include "process/traced_threads.hpp"

namespace vmio {

/// ptrace(2) serves only the thread that attached, so there is one that does nothing else.
class VMIO_HIDDEN pause_guard::tracer {
public:
    explicit tracer(const process& target) : target_(target), threads_(target, mutex_) {
        try {
            thread_ = std::thread([this] { run(); });
        } catch (const std::system_error& e) {
            throw memory_error("pause", target.id(), 0, detail::system_error_of(e.code().value()));
        }
        std::unique_lock lock(mutex_);
        while (!changed_.wait_for(lock, std::chrono::milliseconds(5), [this] { return finished_; }))
            threads_.reap_dead();
        if (!error_) return;
        lock.unlock();
        thread_.join();
        throw detail::opening_error("pause", target.id(), 0, error_);
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
        std::vector<pid_t> ids;
        try {
            ec = threads_.stop_all();
            ids = threads_.stopped();
        } catch (const std::bad_alloc&) {
            ec = detail::system_error_of(ENOMEM);
        }
        std::unique_lock lock(mutex_);
        ids_ = std::move(ids);
        error_ = ec;
        finished_ = true;
        changed_.notify_all();
        // A killed target stays half dead until its tracer lets go, and its parent waits: look from time to time.
        while (!error_ && !released_ && !threads_.all_ended()) {
            changed_.wait_for(lock, std::chrono::milliseconds(20), [this] { return released_ || asked_ != nullptr; });
            answer();
        }
        over_ = true;
        answer();
        threads_.let_go();
    }

    void answer() noexcept {
        if (asked_ == nullptr) return;
        try {
            for (const pid_t id : ids_) {
                std::error_code ec;
                thread_registers of_one = detail::read_registers(id, asked_->types, ec);
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

    const process target_;
    const pid_t owner_ = ::getpid();
    std::mutex mutex_;
    std::condition_variable changed_;
    bool finished_ = false;
    bool released_ = false;
    bool over_ = false;
    request* asked_ = nullptr;
    std::error_code error_;
    detail::traced_threads threads_;
    std::vector<pid_t> ids_;
    std::thread thread_;
};

pause_guard::pause_guard(const process& target) {
    if (target.id() == 0)
        throw memory_error("pause of a process that was opened by in_proc(): it has no id here", 0, 0,
                           detail::system_error_of(EOPNOTSUPP));
    // No signal: it only tells whether there is such a thread of ours.
    if (::syscall(SYS_tgkill, ::getpid(), target.id(), 0) == 0)
        throw memory_error("pause", target.id(), 0, detail::system_error_of(EINVAL));
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
    return registers(detail::known_register_sets());
}

std::vector<thread_registers> pause_guard::registers(std::span<const std::uint32_t> types) const {
    if (tracer_->belongs_to_another_process()) return {};
    return tracer_->registers(types);
}

}  // namespace vmio
