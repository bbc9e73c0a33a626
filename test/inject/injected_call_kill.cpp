// SPDX-License-Identifier: BSL-1.0
/// The process that makes a call in another one is killed at each of its own system calls.
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>

#include "inject/injected_call.hpp"
#include "inject/traced_child.hpp"
#include "processes/lap_process.hpp"
#include "support/sanitized.hpp"

#ifdef VMIO_TEST_HAS_LAPS

using vmio::pause_guard;
using vmio::process;
using vmio::detail::injected_thread;
using vmio::detail::remote_call;

namespace {

enum class work { one_call, call_and_undo, stopped_child };

std::size_t descriptors_of(pid_t id) {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(id) + "/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// The lowest descriptor that the process does not have.
std::uint64_t free_descriptor(pid_t id) {
    std::uint64_t fd = 0;
    while (std::filesystem::exists(
        std::filesystem::symlink_status("/proc/" + std::to_string(id) + "/fd/" + std::to_string(fd))))
        ++fd;
    return fd;
}

[[noreturn]] void inject(pid_t id, work what) {
    const process target(id);
    const pause_guard pause(target);
    long result = -1;
    std::optional<remote_call> undo;
    if (what == work::call_and_undo) undo = remote_call{SYS_close, {free_descriptor(id)}};
    if (what == work::stopped_child) undo = remote_call{SYS_exit_group};
    vmio::detail::with_injected_calls(target, pause, undo, [&](injected_thread& t) {
        if (what == work::one_call) {
            result = t.call({SYS_getpid}) == id ? 0 : 1;
        } else if (what == work::stopped_child) {
            pid_t child = 0;
            const long number = t.clone_stopped(child);
            vmio::detail::end_traced(child);
            result = number < 0 ? 1 : t.call({SYS_wait4, {static_cast<std::uint64_t>(number), 0, __WALL}}) - number;
        } else {
            const long fd = t.call({SYS_dup, {0}}, true);
            result = fd < 0 ? 1 : t.call({SYS_close, {static_cast<std::uint64_t>(fd)}});
        }
    });
    ::_exit(static_cast<int>(result));
}

/// Whether each child of the process has ended: one whose injector was killed waits to be reaped.
bool no_child_runs(pid_t id) {
    const std::string thread = "/proc/" + std::to_string(id) + "/task/" + std::to_string(id);
    std::ifstream children(thread + "/children");
    for (pid_t child = 0; children >> child;) {
        std::string line;
        std::getline(std::ifstream("/proc/" + std::to_string(child) + "/stat"), line);
        const std::size_t state = line.rfind(')') + 2;
        if (state < line.size() && line[state] != 'Z' && line[state] != 'X') return false;
    }
    return true;
}

/// Runs inject(), and kills it when its tracing thread has stopped `stops` times at the entry or exit of a system call.
/// Returns: whether it had come to its end before.
bool ends_before(unsigned stops, pid_t target, work what) {
    const pid_t injector = ::fork();
    test::must(injector >= 0, "fork");
    if (injector == 0) {
        ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        ::raise(SIGSTOP);
        inject(target, what);
    }
    int status = 0;
    test::must(::waitpid(injector, &status, __WALL) == injector && WIFSTOPPED(status), "waitpid");
    constexpr long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    test::must(::ptrace(PTRACE_SETOPTIONS, injector, nullptr, options) == 0, "ptrace");
    ::ptrace(PTRACE_CONT, injector, nullptr, nullptr);
    bool killed = false;
    std::set<pid_t> fresh;
    while (true) {
        const pid_t thread = ::waitpid(-1, &status, __WALL);
        test::must(thread > 0, "waitpid");
        if (!WIFSTOPPED(status)) {
            if (thread == target) std::fprintf(stderr, "the target ended: %x\n", static_cast<unsigned>(status));
            if (thread == injector || thread == target) break;
            continue;
        }
        const int signal = WSTOPSIG(status);
        const bool is_call = signal == (SIGTRAP | 0x80);
        if (is_call && thread != injector && !killed && --stops == 0) {
            ::kill(injector, SIGKILL);
            killed = true;
        }
        // The leader is let run; it only waits for the thread that traces. A new thread begins with a SIGSTOP.
        const bool passed = signal != SIGTRAP && signal != SIGSTOP && !is_call;
        ::ptrace(thread == injector ? PTRACE_CONT : PTRACE_SYSCALL, thread, nullptr,
                 static_cast<long>(passed ? signal : 0));
    }
    BOOST_TEST((killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)));
    return !killed;
}

/// Returns: the number of places at which the injector was killed.
unsigned kill_everywhere(test::lap_kind kind, work what, unsigned step) {
    test::lap_process target(kind);
    const std::size_t descriptors = descriptors_of(target.id());
    unsigned places = 0;
    for (unsigned stops = 1;; stops += step, ++places) {
        target.wait_until_inside();
        const bool ended = ends_before(stops, target.id(), what);
        BOOST_TEST_REQUIRE(target.proceed(), test::name_of(kind) << ", stop " << stops << ": faults " << target.faults()
                                                                 << ", ended " << target.has_ended());
        BOOST_TEST_REQUIRE(descriptors_of(target.id()) == descriptors, "stop " << stops);
        while (!no_child_runs(target.id())) {
        }
        if (ended) return places;
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(injected_call_kill)

BOOST_AUTO_TEST_CASE(a_target_goes_on_wherever_its_injector_is_killed) {
#ifdef VMIO_TEST_SANITIZED
    constexpr unsigned coarse = 12;
#else
    constexpr unsigned coarse = 3;
#endif
    unsigned places = 0;
    for (const test::lap_kind kind : test::lap_kinds)
        for (const work what : {work::one_call, work::call_and_undo, work::stopped_child})
            places += kill_everywhere(kind, what, kind == test::lap_kind::computing ? coarse / 3 : coarse);
    BOOST_TEST_MESSAGE("killed at " << places << " places");
    BOOST_TEST(places >= 200u);
}

BOOST_AUTO_TEST_SUITE_END()

#endif
