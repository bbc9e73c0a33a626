// SPDX-License-Identifier: BSL-1.0
/// All threads of a process under ptrace(2), and none left stopped.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmio/error.hpp>

#include "awaited_signals.hpp"

namespace tool {

/// What has stopped a thread.
struct trace_event {
    pid_t thread = 0;
    int status = 0;  ///< of waitpid(2)

    /// PTRACE_EVENT_...; 0 for a signal.
    int event() const { return status >> 16; }
    /// That is to be delivered; 0 for none.
    int signal() const { return event() == 0 ? WSTOPSIG(status) : 0; }
    /// It has got SIGSTOP or the like, and is to stay so.
    bool job_control() const { return event() == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP; }
};

/// The tracer of a process that it starts, or finds. Its threads stand still until resume_all(), and run when the
/// tracer has gone. While it exists, SIGINT and SIGTERM to us do no more than end its waits: interrupted().
class tracer {
public:
    /// Called with each process that is forked, a copy of this one, before it runs untraced; it must not throw.
    /// vfork(2) makes no copy.
    std::function<void(pid_t)> forked = [](pid_t) {};

    /// Starts a program: it is mapped, and nothing of it has run.
    explicit tracer(const std::vector<std::string>& command) : started_(true) {
        int go[2];
        if (::pipe2(go, O_CLOEXEC) != 0 || (id_ = ::fork()) < 0) fail("fork");
        if (id_ == 0) run_when_told(command, go);
        ::close(go[0]);
        const bool told = seize(id_) && ::write(go[1], "g", 1) == 1;
        ::close(go[1]);  // it ends if it was not told
        while (told && !threads_.empty()) {
            const auto now = next();
            if (now && now->event() == PTRACE_EVENT_EXEC) return;
            if (now) resume(*now);
            if (signals_.interrupted()) cancel(), throw std::runtime_error("interrupted at the start of the program");
        }
        wait_for_end();
        throw std::runtime_error("cannot start " + command.front() + ": is it there, and a program?");
    }

    /// Stops process `id`. memory_error if that is not permitted.
    explicit tracer(pid_t id) : id_(id) {
        const std::filesystem::path tasks = "/proc/" + std::to_string(id) + "/task";
        if (!seize(id)) fail("ptrace");
        // What the seized ones start is traced from its beginning: in the end there are no others.
        for (bool more = true; std::exchange(more, false);)
            for (const auto& task : std::filesystem::directory_iterator(tasks)) {
                if (signals_.interrupted()) break;
                const pid_t thread = std::stoi(task.path().filename());
                if (threads_.count(thread) == 0) more |= seize(thread);
            }
        stop_all();
        // The threads run on when this program ends, those that could not be stopped too.
        if (signals_.interrupted()) throw std::runtime_error("interrupted while it stopped the process");
    }

    tracer(const tracer&) = delete;
    tracer& operator=(const tracer&) = delete;
    ~tracer() { release(&trace_event::signal); }

    pid_t id() const { return id_; }
    bool gone() const { return threads_.empty(); }
    /// Whether SIGINT or SIGTERM has come for us.
    bool interrupted() const { return signals_.interrupted(); }

    /// Returns: what f() does, which may take as long as the target likes; nothing if it is still at it when a signal
    /// comes for us. It runs in another thread, so it must own what it uses and not call ptrace(2).
    template <class F>
    auto await(F f) -> std::optional<std::invoke_result_t<F>> {
        std::packaged_task<std::invoke_result_t<F>()> task(std::move(f));
        auto result = task.get_future();
        std::thread([task = std::move(task)]() mutable {
            task();
            ::kill(::getpid(), SIGCHLD);
        }).detach();
        while (result.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
            if (!signals_.wait()) return std::nullopt;
        return result.get();
    }

    /// The next thread that stops; nothing if a signal has come for us, or the process has ended.
    std::optional<trace_event> next() {
        while (!gone()) {
            if (const auto now = poll()) return now;
            if (!gone() && !signals_.wait()) break;
        }
        return std::nullopt;
    }

    /// Lets it run, and gets its signal.
    void resume(const trace_event& stopped) {
        threads_[stopped.thread].reset();
        ::ptrace(stopped.job_control() ? PTRACE_LISTEN : PTRACE_CONT, stopped.thread, 0, stopped.signal());
    }
    void resume_all() {
        for (const auto& [thread, status] : threads_)
            if (status) resume({thread, *status});
    }

    /// Stops all, and lets each go with the signal that settle(trace_event) returns.
    template <class Settle>
    void release(Settle&& settle) {
        stop_all();
        for (const auto& [thread, status] : std::exchange(threads_, {}))
            if (status)  // the others are let go when this program ends
                ::ptrace(PTRACE_DETACH, thread, 0, std::invoke(settle, trace_event{thread, *status}));
        signals_.unblock();
    }

    /// Ends a program that was started here, rather than to let it run.
    void cancel() const {
        if (started_) ::kill(id_, SIGKILL);
    }

    /// Of a program that was started here, and let go.
    void wait_for_end() const {
        if (started_) ::waitpid(id_, nullptr, 0);
    }

private:
    [[noreturn]] void fail(const char* call) const {
        const std::error_code why(errno, std::system_category());
        std::ifstream status("/proc/" + std::to_string(id_) + "/status");
        const std::string key = "TracerPid:\t";
        for (std::string line; std::getline(status, line);)
            if (line.starts_with(key) && line != key + '0')
                throw std::runtime_error("process " + std::to_string(id_) + " has a debugger already: process " +
                                         line.substr(key.size()));
        throw vmio::memory_error(call, id_, 0, why);
    }

    [[noreturn]] void run_when_told(const std::vector<std::string>& command, const int (&go)[2]) const {
        signals_.unblock();
        ::close(go[1]);
        std::vector<char*> words;
        words.reserve(command.size() + 1);
        for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
        words.push_back(nullptr);
        char byte;
        if (::read(go[0], &byte, 1) == 1) ::execvp(words[0], words.data());
        ::_exit(127);
    }

    bool seize(pid_t thread) {
        constexpr long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;
        if (::ptrace(PTRACE_SEIZE, thread, 0, options) != 0) return false;
        threads_.emplace(thread, std::nullopt);
        return true;
    }

    void stop_all() {
        for (const auto& [thread, status] : threads_)
            if (!status) ::ptrace(PTRACE_INTERRUPT, thread, 0, 0);
        const auto runs = [](const auto& thread) { return !thread.second; };
        const auto can_stop = [&](const auto& thread) { return runs(thread) && !is_in_kernel(thread.first); };
        do {
            while (std::any_of(threads_.begin(), threads_.end(), runs)) {
                if (poll()) continue;
                if (!signals_.interrupted())
                    signals_.wait();
                else if (std::none_of(threads_.begin(), threads_.end(), can_stop))
                    return;
                else
                    signals_.wait_shortly();
            }
            // Stopped between a trap and its signal, which would end it once it is not traced: let it get that far.
            for (auto& [thread, status] : threads_) {
                if (!status || trace_event{thread, *status}.event() == 0 || !has_pending_trap(thread)) continue;
                status.reset();
                ::ptrace(PTRACE_CONT, thread, 0, 0);
            }
        } while (std::any_of(threads_.begin(), threads_.end(), runs));
    }

    /// For as long as what it waits for takes: the end of a child of vfork(2), a page of a file system that does not
    /// answer.
    bool is_in_kernel(pid_t thread) const {
        std::ifstream stat("/proc/" + std::to_string(id_) + "/task/" + std::to_string(thread) + "/stat");
        std::string text;
        std::getline(stat, text);
        const std::size_t name_end = text.rfind(')');
        return name_end + 2 < text.size() && text[name_end + 2] == 'D';
    }

    static bool has_pending_trap(pid_t thread) {
        siginfo_t pending[64];
        __ptrace_peeksiginfo_args all{0, 0, 64};
        const long count = ::ptrace(PTRACE_PEEKSIGINFO, thread, &all, pending);
        return std::any_of(pending, pending + std::max(count, 0L),
                           [](const siginfo_t& s) { return s.si_signo == SIGTRAP; });
    }

    /// What has happened already.
    std::optional<trace_event> poll() {
        for (auto i = threads_.begin(); i != threads_.end();) {
            trace_event now{i->first, 0};
            if (i->second || ::waitpid(now.thread, &now.status, __WALL | WNOHANG) != now.thread) {
                ++i;
            } else {
                if (note(now)) return now;
                i = threads_.begin();
            }
        }
        return std::nullopt;
    }

    /// False if the thread is no more.
    bool note(const trace_event& e) {
        threads_[e.thread] = e.status;
        unsigned long about = 0;
        if (WIFSTOPPED(e.status) && e.event() != 0) ::ptrace(PTRACE_GETEVENTMSG, e.thread, 0, &about);
        const auto other = static_cast<pid_t>(about);
        int status = 0;
        if (!WIFSTOPPED(e.status)) {
            threads_.erase(e.thread);
            return false;
        }
        switch (e.event()) {
            case PTRACE_EVENT_CLONE: threads_.emplace(other, std::nullopt); break;
            case PTRACE_EVENT_FORK:
                if (::waitpid(other, &status, __WALL) != other || !WIFSTOPPED(status)) break;
                forked(other);
                ::ptrace(PTRACE_DETACH, other, 0, 0);
                break;
            case PTRACE_EVENT_EXEC: threads_ = {{e.thread, e.status}}; break;  // of all threads, one is left
            case PTRACE_EVENT_EXIT:
                ::ptrace(PTRACE_DETACH, e.thread, 0, 0);
                threads_.erase(e.thread);
                return false;
        }
        return true;
    }

    mutable awaited_signals signals_;
    pid_t id_ = 0;
    bool started_ = false;
    std::map<pid_t, std::optional<int>> threads_;  // with the status of those that stand still
};

}  // namespace tool
