// SPDX-License-Identifier: BSL-1.0
#include <vmio/child_process.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <poll.h>

#include <vmio/error.hpp>

#include "base/file_descriptor.hpp"
#include "base/file_writing.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "child/child_start.hpp"
#include "child/child_wait.hpp"
#include "child/traced_run.hpp"

namespace vmio {

struct child_process::state {
    state(const std::vector<std::string>& command, const std::function<int()>& body, child_options o)
        : options(std::move(o)), started(detail::start_child(command, body, options)), target(opened(started)) {
        ::fcntl(started.input.get(), F_SETFL, O_NONBLOCK);
    }
    state(const state&) = delete;
    state& operator=(const state&) = delete;
    ~state() {
        if (ended) return;
        ::kill(-started.id, SIGKILL);  // before it is reaped, the id is that of its group and no other's
        ::kill(started.id, SIGKILL);
        detail::reap_child(started.id);
    }

    /// The process, which is a child: if it has ended, its id is not another one's until it is waited for.
    static std::optional<process> opened(const detail::started_child& child) {
        std::error_code ec;
        process target(child.id, ec);
        if (!ec) return target;
        if (ec == errc::no_such_process) return std::nullopt;
        ::kill(child.id, SIGKILL);
        detail::reap_child(child.id);
        throw memory_error("look at a child", child.id, 0, ec);
    }

    detail::wait_clock::time_point deadline() const { return detail::wait_clock::now() + options.limit; }
    [[noreturn]] void fail(const char* operation, const std::error_code& ec, const std::string& advice = {}) const {
        throw memory_error(operation, started.id, 0, ec, advice);
    }

    /// Reads more of the output. Returns: false at its end.
    bool read_more(detail::wait_clock::time_point until) {
        char bytes[4096];
        for (;;) {
            if (const std::error_code ec = detail::wait_for(started.output.get(), POLLIN, until))
                fail("read of a child's output", ec, "no line has come; so far: " + text);
            const ssize_t size = detail::sys::read(started.output.get(), bytes, sizeof bytes);
            if (size >= 0) {
                text.append(bytes, static_cast<std::size_t>(size));
                return size > 0;
            }
            if (errno != EINTR) fail("read of a child's output", detail::last_system_error());
        }
    }

    child_options options;
    detail::started_child started;
    std::optional<process> target;
    std::string text;  // that was read and is not yet a line
    std::optional<int> ended;
};

child_process::child_process(const std::vector<std::string>& command, child_options options) {
    if (command.empty()) throw std::invalid_argument("vmio::child_process: no program is named");
    state_ = std::make_unique<state>(command, std::function<int()>(), std::move(options));
}

child_process::child_process(const std::function<int()>& body, child_options options) {
    if (!body) throw std::invalid_argument("vmio::child_process: no function is named");
    if (options.stopped) throw std::invalid_argument("vmio::child_process: only a program can be stopped at its start");
    state_ = std::make_unique<state>(std::vector<std::string>(), body, std::move(options));
}

child_process::child_process(child_process&&) noexcept = default;
child_process& child_process::operator=(child_process&&) noexcept = default;
child_process::~child_process() = default;

pid_t child_process::id() const noexcept {
    return state_->started.id;
}

const process& child_process::target() const {
    if (!state_->target) state_->fail("look at a child", detail::system_error_of(ESRCH));
    return *state_->target;
}

void child_process::write(std::string_view text) {
    const auto until = state_->deadline();
    detail::write_signal_blocked guard(SIGPIPE, EPIPE);
    while (!text.empty()) {
        const ssize_t size = detail::sys::write(state_->started.input.get(), text.data(), text.size());
        std::error_code ec = size < 0 ? detail::last_system_error() : std::error_code();
        if (size > 0) text.remove_prefix(static_cast<std::size_t>(size));
        if (ec.value() == EAGAIN) ec = detail::wait_for(state_->started.input.get(), POLLOUT, until);
        if (!ec || ec.value() == EINTR) continue;
        guard.failed(ec);
        state_->fail("write to a child's input", ec);
    }
}

void child_process::close_input() noexcept {
    state_->started.input = detail::file_descriptor();
}

std::optional<std::string> child_process::read_line() {
    const auto until = state_->deadline();
    for (std::size_t seen = 0;;) {
        const std::size_t end = state_->text.find('\n', seen);
        if (end != std::string::npos) {
            std::string line = state_->text.substr(0, end);
            state_->text.erase(0, end + 1);
            return line;
        }
        seen = state_->text.size();
        if (state_->read_more(until)) continue;
        if (state_->text.empty()) return std::nullopt;
        return std::exchange(state_->text, {});
    }
}

std::string child_process::wait_for_line(std::string_view part) {
    std::string last;
    while (std::optional<std::string> line = read_line()) {
        if (line->find(part) != std::string::npos) return std::move(*line);
        last = std::move(*line);
    }
    state_->fail("wait for a line of a child", detail::system_error_of(ESRCH),
                 "its output has ended without \"" + std::string(part) + "\"; the last line was \"" + last + '"');
}

void child_process::signal(int number) {
    if (status()) return;
    if (::kill(id(), number) != 0) state_->fail("kill", detail::last_system_error());
}

std::optional<int> child_process::status() {
    if (state_->ended) return state_->ended;
    std::error_code ec;
    state_->ended = detail::reap_if_ended(id(), ec);
    if (ec) {
        state_->ended = 255;
        state_->fail("waitid", ec, "somebody else has waited for it, or SIGCHLD is ignored");
    }
    return state_->ended;
}

void child_process::stop() {
    signal(SIGSTOP);
    const std::error_code ec = detail::wait_for_stop(id(), state_->deadline());
    if (ec) state_->fail("stop a child", ec);
}

int child_process::wait() {
    if (!detail::wait_until([this] { return status().has_value(); }, state_->deadline()))
        state_->fail("wait for a child", detail::system_error_of(ETIMEDOUT));
    return *state_->ended;
}

void child_process::run_until(address where) {
    if (status()) state_->fail("run_until", detail::system_error_of(ESRCH));
    detail::traced_run traced(target(), where, state_->deadline());
    const std::error_code ec = traced.run();
    if (traced.ended()) state_->ended = traced.ended();
    if (ec) throw memory_error("run_until", id(), where, ec);
}

}  // namespace vmio
