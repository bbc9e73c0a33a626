// SPDX-License-Identifier: BSL-1.0
#include "freeze/frozen_copy.hpp"

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <vmio/error.hpp>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "inject/injected_call.hpp"
#include "inject/traced_child.hpp"
#include "proc/proc_stat.hpp"
#include "process/pause_access.hpp"

namespace vmio::detail {
namespace {

constexpr const char* copying = "frozen copy of a process";

const char* advice_for(int error) noexcept {
    switch (error) {
        case EAGAIN: return "it may not make another process: RLIMIT_NPROC, or pids.max of its control group";
        case ENOMEM: return "the kernel does not promise memory for a copy: see vm.overcommit_memory in proc(5)";
        default: return "";
    }
}

/// Has the kernel, if memory runs out, kill the copy and not the target. It helps where it is permitted.
void offer_to_oom_killer(const process& copy) noexcept {
    const file_descriptor file(sys::openat(copy.proc_directory(), "oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (file) [[maybe_unused]]
        const ssize_t written = sys::write(file.get(), "1000", 4);
}

}  // namespace

/// Shared with the thread that traces the copy.
struct frozen_copy::tracing {
    void finish() {
        const std::lock_guard lock(mutex);
        over = true;
        changed.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return over; });
    }

    std::mutex mutex;
    std::condition_variable changed;
    bool over = false;
    pid_t copy = 0;  // set before the target runs
};

frozen_copy::frozen_copy(const process& target, pause_guard&& pause, const pause_options& limits)
    : target_(target), limits_(limits), tracing_(std::make_shared<tracing>()) {
    const auto hold = [held = tracing_] {
        held->wait();
        if (held->copy != 0) end_traced(held->copy);
    };
    try {
        if (!pause_access::run_afterwards(pause, hold))
            throw memory_error(copying, target.id(), 0, system_error_of(ESRCH));
        make(pause);
    } catch (...) {
        tracing_->finish();
        throw;
    }
    pause_.emplace(std::move(pause));
}

frozen_copy::~frozen_copy() {
    end();
}

void frozen_copy::make(const pause_guard& pause) {
    with_injected_calls(target_, pause, remote_call{SYS_exit_group}, [this](injected_thread& thread) {
        pid_t id = 0;
        const long result = thread.clone_stopped(id);
        if (result < 0) {
            const int error = static_cast<int>(-result);
            throw memory_error(copying, target_.id(), 0, system_error_of(error), advice_for(error));
        }
        id_there_ = static_cast<pid_t>(result);
        try {
            copy_.emplace(id);
        } catch (...) {
            end_traced(id);
            thread.call(call_that_reaps());
            throw;
        }
        tracing_->copy = id;
        offer_to_oom_killer(*copy_);
    });
}

std::chrono::nanoseconds frozen_copy::release() noexcept {
    pause_->resume();
    return pause_access::duration(*pause_);
}

remote_call frozen_copy::call_that_reaps() const noexcept {
    return {SYS_wait4, {static_cast<std::uint64_t>(id_there_), 0, __WALL | WNOHANG, 0}};
}

std::chrono::nanoseconds frozen_copy::end() noexcept {
    std::chrono::nanoseconds paused{};
    if (!copy_) return paused;
    tracing_->finish();
    pause_.reset();  // waits for its thread
    constexpr int tries = 3;
    for (int i = 0; i < tries; ++i) {
        try {
            if (reap(paused)) break;
        } catch (const std::exception&) {
            // It could not be paused now, or no thread of it can make a call.
        }
    }
    copy_.reset();
    return paused;
}

/// Returns: whether nothing is left to be done.
bool frozen_copy::reap(std::chrono::nanoseconds& paused) {
    // It may have called exec(2) meanwhile.
    std::error_code ec;
    const process parent(target_.id(), ec);
    proc_stat status;
    // While this says so, the parent's id has not been recycled.
    if (read_proc_stat(copy_->proc_directory(), "stat", status) || status.parent != target_.id()) return true;
    if (ec) return false;
    pause_guard pause(parent, limits_);
    with_injected_calls(parent, pause, std::nullopt,
                        [this](injected_thread& thread) { thread.call(call_that_reaps()); });
    pause.resume();
    paused += pause_access::duration(pause);
    return true;
}

}  // namespace vmio::detail
