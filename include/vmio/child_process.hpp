// SPDX-License-Identifier: BSL-1.0
/// Processes that a test starts, looks at, and ends.
#pragma once

#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// How a child_process is started, and how long it is waited for.
struct child_options {
    /// NAME=VALUE: added to the environment of this process, or in place of what it has.
    std::vector<std::string> environment = {};
    /// The directory to start in; empty: that of this process.
    std::string directory = {};
    /// Standard error into the pipe of the standard output; else it is that of this process.
    bool merge_errors = false;
    /// A program is stopped, by SIGSTOP, when it is mapped and none of its instructions has run: see resume(). Needs
    /// the permission to trace. Not of a forked function.
    bool stopped = false;
    /// How long a function of child_process waits.
    std::chrono::milliseconds limit = std::chrono::seconds(10);
};

/// A child of this process, with pipes to its standard input and from its standard output. It never outlives its
/// object: it is killed and waited for by the destructor, and killed by the kernel when the **thread** that started it
/// ends (PR_SET_PDEATHSIG), however that happens. It leads a process group of its own: what it starts, and leaves in
/// that group, is killed with it by the destructor, if it has not ended before.
///
/// As a test does:
///
///     vmio::child_process child({"./server", "--port", "0"});
///     child.wait_for_line("listening");
///     vmio::process_memory memory(child.target());
///
/// Movable; a moved-from object can only be assigned to and destroyed. No function waits longer than
/// child_options::limit: memory_error(ETIMEDOUT).
class VMIO_EXPORT child_process {
public:
    /// Starts a program: its name, which is looked for in PATH, and its arguments. Signals are not blocked in it.
    /// Errors: memory_error; of a program that cannot be started, the errno of execvp(3), and no child is left.
    explicit child_process(const std::vector<std::string>& command, child_options options = {});
    /// Forks this process: what it has mapped is at the same addresses there. The child calls `body` and exits with
    /// what that returns, without destructors and handlers of exit(3); with 99 after an exception, whose words it
    /// writes to standard error. Of the threads of this process, it has the calling one only.
    explicit child_process(const std::function<int()>& body, child_options options = {});
    child_process(child_process&&) noexcept;             ///< the child is the new object's
    child_process& operator=(child_process&&) noexcept;  ///< ends the child that this object had
    ~child_process();                                    ///< kills the child and waits for it

    /// Returns: its PID.
    pid_t id() const noexcept;
    /// Returns: the process, to look at it. Errors: memory_error(ESRCH) if it ended as soon as it was started.
    const process& target() const;

    /// Writes to its standard input. Errors: memory_error; EPIPE, without a signal: the child has closed it, or ended.
    void write(std::string_view text);
    /// Ends its standard input.
    void close_input() noexcept;

    /// Returns: the next line of its output without the line feed; none at its end, when all who had it have closed it.
    std::optional<std::string> read_line();
    /// Reads lines until one contains `part`. Returns: that line.
    /// Errors: memory_error(ESRCH), with the last line, if the output ends before.
    std::string wait_for_line(std::string_view part);

    /// Sends it a signal, if it has not ended. Errors: memory_error, those of kill(2).
    void signal(int number);
    /// Stops it by SIGSTOP, and waits until it stands.
    void stop();
    /// Lets it run again, by SIGCONT, or for the first time: child_options::stopped.
    void resume() { signal(SIGCONT); }
    /// Waits for its end. Returns: its exit status; 128 and the number of the signal that ended it.
    int wait();
    /// The same if it has ended already.
    std::optional<int> status();

    /// Lets it run, if it is stopped, until a thread of it is about to execute the instruction at `where`, and stops it
    /// there, by SIGSTOP. Its memory is then as it was but for what the child has done: a breakpoint is planted and
    /// removed, also from the processes that it forks meanwhile. Needs the permission to trace, and that nobody traces
    /// it. Errors: memory_error; ETIMEDOUT, ESRCH: it ended, or ESTALE: it called exec before; it runs on then.
    void run_until(address where);

private:
    struct VMIO_HIDDEN state;
    std::unique_ptr<state> state_;
};

}  // namespace vmio
