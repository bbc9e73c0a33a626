// SPDX-License-Identifier: BSL-1.0
#include "child/child_start.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <vmio/error.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "child/child_wait.hpp"
#include "child/traced_run.hpp"

namespace vmio::detail {
namespace {

struct pipe_ends {
    pipe_ends() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw memory_error("pipe2", 0, 0, last_system_error());
        read = file_descriptor(ends[0]);
        write = file_descriptor(ends[1]);
    }
    file_descriptor read;
    file_descriptor write;
};

/// Pointers to strings, and null.
std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> all;
    all.reserve(strings.size() + 1);
    for (const std::string& s : strings) all.push_back(const_cast<char*>(s.c_str()));
    all.push_back(nullptr);
    return all;
}

/// The environment of this process with some variables replaced.
std::vector<std::string> environment_with(const std::vector<std::string>& changes) {
    const auto name = [](const std::string& variable) { return variable.substr(0, variable.find('=') + 1); };
    std::vector<std::string> all = changes;
    for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
        bool replaced = false;
        for (const std::string& change : changes) replaced = replaced || name(change) == name(*variable);
        if (!replaced) all.emplace_back(*variable);
    }
    return all;
}

/// All that the child needs, allocated before the fork: in the child of a process with threads nothing may be
/// allocated.
struct preparation {
    preparation(const std::vector<std::string>& command, const child_options& o)
        : options(o),
          variables(environment_with(o.environment)),
          words(pointers(command)),
          names(pointers(variables)) {}

    const child_options& options;
    std::vector<std::string> variables;
    std::vector<char*> words;
    std::vector<char*> names;
    pipe_ends in;
    pipe_ends out;
    pipe_ends error;  // of what keeps the program from being started: an errno
    pipe_ends go;     // closed, or a byte, when the program may be started
    pid_t parent = ::getpid();
};

/// A descriptor of the pipes may be the standard one that another shall become: all are moved out of the way first.
bool redirect(const preparation& p) noexcept {
    const int in = ::fcntl(p.in.read.get(), F_DUPFD_CLOEXEC, 3);
    const int out = ::fcntl(p.out.write.get(), F_DUPFD_CLOEXEC, 3);
    return in >= 0 && out >= 0 && ::dup2(in, STDIN_FILENO) >= 0 && ::dup2(out, STDOUT_FILENO) >= 0 &&
           (!p.options.merge_errors || ::dup2(out, STDERR_FILENO) >= 0);
}

[[noreturn]] void fail(int report) noexcept {
    const int error = errno;
    (void)sys::write(report, &error, sizeof error);
    ::_exit(127);
}

/// In the child.
void prepare(preparation& p, int report) noexcept {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setpgid(0, 0);                            // so that what it starts can be ended with it
    if (::getppid() != p.parent) ::_exit(127);  // it ended before
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    if (!redirect(p)) fail(report);
    if (!p.options.directory.empty() && ::chdir(p.options.directory.c_str()) != 0) fail(report);
}

[[noreturn]] void run_program(preparation& p) noexcept {
    const int report = ::fcntl(p.error.write.get(), F_DUPFD_CLOEXEC, 3);
    const int go = ::fcntl(p.go.read.get(), F_DUPFD_CLOEXEC, 3);
    p.go.write = file_descriptor();
    prepare(p, report);
    char byte;
    if (p.options.stopped && sys::read(go, &byte, 1) != 1) ::_exit(127);
    ::execvpe(p.words[0], p.words.data(), p.names.data());
    fail(report);
}

[[noreturn]] void run_function(preparation& p, const std::function<int()>& body) noexcept {
    const int report = ::fcntl(p.error.write.get(), F_DUPFD_CLOEXEC, 3);
    prepare(p, report);
    for (pipe_ends* const pipe : {&p.in, &p.out, &p.error, &p.go}) {
        pipe->read = file_descriptor();
        pipe->write = file_descriptor();
    }
    sys::close(report);
    int status = 99;
    try {
        for (const std::string& variable : p.options.environment)
            ::putenv(const_cast<char*>(variable.c_str()));  // NOLINT(concurrency-mt-unsafe): of one thread
        status = body();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
    } catch (...) {
        std::fputs("the function of a child ended by an exception\n", stderr);
    }
    std::fflush(nullptr);
    ::_exit(status);
}

/// Returns: the errno that the child has reported; 0 if it runs.
int reported(const file_descriptor& report) noexcept {
    int error = 0;
    ssize_t size = 0;
    do size = sys::read(report.get(), &error, sizeof error);
    while (size < 0 && errno == EINTR);
    return size == sizeof error ? error : 0;
}

}  // namespace

started_child start_child(const std::vector<std::string>& command, const std::function<int()>& body,
                          const child_options& options) {
    const bool program = !command.empty();
    const auto p = std::make_unique<preparation>(command, options);
    std::fflush(nullptr);  // or a fork would write what is buffered here once more
    started_child child;
    child.id = ::fork();
    if (child.id < 0) throw memory_error("fork", 0, 0, last_system_error());
    if (child.id == 0) {
        if (program) run_program(*p);
        run_function(*p, body);
    }
    for (file_descriptor* const its : {&p->in.read, &p->out.write, &p->error.write, &p->go.read})
        *its = file_descriptor();
    const char* operation = "execvp";
    std::error_code ec;
    if (program && options.stopped) {
        operation = "stop of a program that was started";
        ec = stop_at_exec(child.id, p->go.write, wait_clock::now() + options.limit);
    }
    const int error = ec ? 0 : reported(p->error.read);
    if (ec || error != 0) {
        ::kill(child.id, SIGKILL);
        reap_child(child.id);
        if (error != 0) ec = system_error_of(error), operation = "execvp";
        throw memory_error(operation, 0, 0, ec, program ? command.front() + ": " + ec.message() : std::string());
    }
    child.input = std::move(p->in.write);
    child.output = std::move(p->out.read);
    return child;
}

}  // namespace vmio::detail
