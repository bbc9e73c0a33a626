// SPDX-License-Identifier: BSL-1.0
#include <vmio/pause_guard.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>

#include <dirent.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmio/error.hpp>

#include "system_error.hpp"

namespace vmio {

/// ptrace(2) serves only the thread that attached, so there is one that does nothing else.
class pause_guard::tracer {
public:
    explicit tracer(const process& target) : target_(target), thread_([this] { run(); }) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopped_; });
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

private:
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
        error_ = ec;
        stopped_ = true;
        changed_.notify_all();
        // A killed target stays half dead until its tracer lets go, and its parent waits: look from time to time.
        while (!error_ && !released_ && !all_ended())
            changed_.wait_for(lock, std::chrono::milliseconds(20), [this] { return released_; });
        let_go();
    }

    bool all_ended() noexcept {
        bool all = true;
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            if (signals_[i] == ended) continue;
            siginfo_t info{};
            constexpr int look = WEXITED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD;
            if (::waitid(P_PID, static_cast<id_t>(ids_[i]), &info, look) == 0 && info.si_pid == ids_[i]) {
                // Its threads are ours to wait for; the process itself is its parent's, which may be us.
                if (ids_[i] != target_.id()) ::waitpid(ids_[i], nullptr, WNOHANG | __WALL | __WNOTHREAD);
                signals_[i] = ended;
            } else {
                all = false;
            }
        }
        return all;
    }

    /// Goes over the threads until there is none left that was not stopped: those that still run may make more.
    std::error_code stop_all() {
        std::error_code ec;
        for (bool found = true; found && !ec;) {
            found = false;
            for (const pid_t id : list_threads(ec)) {
                if (std::find(ids_.begin(), ids_.end(), id) != ids_.end()) continue;
                ids_.reserve(ids_.size() + 1);
                signals_.reserve(ids_.size() + 1);
                bool stopped = false;
                ec = stop(id, stopped);
                if (ec) break;
                found = found || stopped;
            }
        }
        if (!ec && ids_.empty()) ec = system_error_of(ESRCH);
        return target_.alive() ? ec : system_error_of(ESRCH);
    }

    std::vector<pid_t> list_threads(std::error_code& ec) const {
        std::vector<pid_t> ids;
        const int fd = ::openat(target_.proc_directory(), "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR* const directory = fd >= 0 ? ::fdopendir(fd) : nullptr;
        if (directory == nullptr) {
            ec = last_system_error();
            if (fd >= 0) ::close(fd);
            if (ec.value() == ENOENT) ec = system_error_of(ESRCH);
            return ids;
        }
        while (const dirent* entry = ::readdir(directory)) {
            const std::string_view name = entry->d_name;
            pid_t id = 0;
            if (std::from_chars(name.data(), name.data() + name.size(), id).ec == std::errc()) ids.push_back(id);
        }
        ::closedir(directory);
        return ids;
    }

    std::error_code stop(pid_t id, bool& stopped) noexcept {
        if (::ptrace(PTRACE_SEIZE, id, nullptr, nullptr) != 0) {
            const std::error_code ec = last_system_error();
            // A thread that is ending cannot be seized and needs no stopping.
            return ec.value() == ESRCH || is_ending(id) ? std::error_code() : ec;
        }
        ::ptrace(PTRACE_INTERRUPT, id, nullptr, nullptr);
        siginfo_t info{};
        // Looked at before it is taken: the end of a child of ours is its parent's to wait for.
        while (::waitid(P_PID, static_cast<id_t>(id), &info, WSTOPPED | WEXITED | WNOWAIT | __WALL) != 0) {
            if (last_system_error().value() != EINTR) return {};
        }
        if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) return {};
        int status = 0;
        if (::waitpid(id, &status, __WALL) != id) return {};
        const bool signal_arrived = status >> 16 != PTRACE_EVENT_STOP;
        ids_.push_back(id);
        signals_.push_back(signal_arrived ? WSTOPSIG(status) : 0);
        stopped = true;
        return {};
    }

    bool is_ending(pid_t id) const noexcept {
        std::error_code ec;
        char path[64];
        const int length = std::snprintf(path, sizeof path, "task/%d/stat", id);
        if (length <= 0) return false;
        const int fd = ::openat(target_.proc_directory(), path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) return true;
        char text[512];
        const ssize_t got = ::read(fd, text, sizeof text);
        ::close(fd);
        const std::string_view stat(text, got > 0 ? static_cast<std::size_t>(got) : 0);
        const auto name_end = stat.rfind(") ");
        return name_end == stat.npos || stat.substr(name_end + 2).starts_with('Z') ||
               stat.substr(name_end + 2).starts_with('X');
    }

    void let_go() noexcept {
        // ESRCH: it was killed meanwhile. What this thread still traces, its end lets go of.
        for (std::size_t i = 0; i < ids_.size(); ++i)
            if (signals_[i] != ended) ::ptrace(PTRACE_DETACH, ids_[i], nullptr, static_cast<long>(signals_[i]));
    }

    static constexpr int ended = -1;

    process target_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopped_ = false;
    bool released_ = false;
    std::error_code error_;
    std::vector<pid_t> ids_;
    std::vector<int> signals_;  // to be delivered when it goes on; 0: none; or ended
    std::thread thread_;        // last: it uses the others
};

pause_guard::pause_guard(const process& target) {
    if (target.id() == ::getpid()) throw memory_error("pause", target.id(), 0, system_error_of(EINVAL));
    tracer_ = std::make_unique<tracer>(target);
}

pause_guard::pause_guard(pause_guard&&) noexcept = default;
pause_guard& pause_guard::operator=(pause_guard&&) noexcept = default;
pause_guard::~pause_guard() = default;

void pause_guard::resume() noexcept {
    if (tracer_) tracer_->resume();
}

const std::vector<pid_t>& pause_guard::threads() const noexcept {
    return tracer_->threads();
}

}  // namespace vmio
