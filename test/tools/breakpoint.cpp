// SPDX-License-Identifier: BSL-1.0
/// The debugger on a program that it starts, and on one that runs already.
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/memory_map.hpp>

#include "processes/piped_program.hpp"
#include "processes/run_program.hpp"
#include "support/pages.hpp"
#include "tracing/machine.hpp"

using test::must;
using test::piped_program;
using test::program_result;
using test::run_program;

namespace {

bool is_traced(pid_t id) {
    std::ifstream status("/proc/" + std::to_string(id) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("TracerPid:")) return line != "TracerPid:\t0";
    return true;
}

/// The target, and what it should say.
struct running_target : piped_program {
    running_target() : piped_program({VMIO_BREAKPOINT_TARGET}) { expect("1 a\n", "0 97\n"); }

    void expect(const std::string& line, const std::string& answer) const {
        say(line);
        BOOST_TEST(hear() == answer);
    }

    /// All that it may execute.
    std::vector<std::vector<std::byte>> code() const {
        std::vector<std::vector<std::byte>> all;
        for (const vmio::mapping& m : vmio::memory_map::load(vmio::process(id())))
            if (m.perms.execute && m.file_backed()) all.push_back(test::peek(id(), m.range.start(), m.range.size()));
        return all;
    }

    bool is_traced() const { return ::is_traced(id()); }

    std::vector<std::string> debugger(const std::string& function) const {
        return {VMIO_BREAKPOINT, "--pid", std::to_string(id()), function};
    }
};

boost::test_tools::assertion_result machine_is_known(boost::unit_test::test_unit_id) {
    return machine::known;
}

const auto where_it_works = boost::unit_test::precondition(machine_is_known);

}  // namespace

BOOST_AUTO_TEST_CASE(a_program_is_started_and_its_call_shown, *where_it_works) {
    const program_result shown =
        run_program({VMIO_BREAKPOINT, "weigh", VMIO_BREAKPOINT_TARGET, "some words"}, [] { ::close(STDIN_FILENO); });
    BOOST_TEST(shown.status == 0);
    BOOST_TEST(shown.err == "");
    BOOST_TEST(shown.out.starts_with("waiting for weigh at "));
    BOOST_TEST(shown.out.find(" calls weigh from ") != std::string::npos);
    BOOST_TEST(shown.out.find("/breakpoint_target\n  argument 1  0x2\n") != std::string::npos);
    BOOST_TEST(shown.out.find("  \"some words\"\n") != std::string::npos);
    BOOST_TEST(shown.out.ends_with("weighs 2054\n"));
}

BOOST_AUTO_TEST_CASE(a_running_program_goes_on_as_if_nothing_had_been, *where_it_works) {
    const running_target target;
    const auto before = target.code();
    piped_program debugger(target.debugger("weigh"));
    BOOST_TEST(debugger.hear().starts_with("waiting for weigh at "));
    BOOST_TEST((target.code() != before));
    target.expect("2 abc\n", "294 94\n");
    const std::string said = debugger.hear_all();
    BOOST_TEST(said.find(" calls weigh from ") != std::string::npos);
    BOOST_TEST(said.find("  \"abc\"\n") != std::string::npos);
    BOOST_TEST(debugger.end() == 0);
    BOOST_TEST((target.code() == before));
    BOOST_TEST(!target.is_traced());
    target.expect("3 a\n", "291 97\n");
}

BOOST_AUTO_TEST_CASE(threads_that_all_meet_the_breakpoint_at_once_continue, *where_it_works) {
    const running_target target;
    const auto before = target.code();
    for (int i = 0; i < 20; ++i) {
        piped_program debugger(target.debugger("weigh"));
        BOOST_TEST(debugger.hear().starts_with("waiting for weigh at "));
        target.expect("50 a\n", "118825 97\n");
        BOOST_TEST(debugger.hear_all().find("  \"a\"\n") != std::string::npos);
        BOOST_TEST(debugger.end() == 0);
        BOOST_TEST((target.code() == before));
    }
}

BOOST_AUTO_TEST_CASE(a_fork_never_meets_the_breakpoint, *where_it_works) {
    // Here nobody but the fork calls weigh(): it would die of it, and the debugger would not know.
    const running_target target;
    piped_program debugger(target.debugger("weigh"));
    BOOST_TEST(debugger.hear().starts_with("waiting for weigh at "));
    target.expect("0 abc\n", "0 94\n");
    BOOST_TEST(target.is_traced());
    target.expect("1 abc\n", "0 94\n");
    BOOST_TEST(debugger.hear().find(" calls weigh from ") != std::string::npos);
    debugger.hear_all();
    BOOST_TEST(debugger.end() == 0);
}

BOOST_AUTO_TEST_CASE(a_function_of_a_library_is_found, *where_it_works) {
    const running_target target;
    const auto before = target.code();
    piped_program debugger(target.debugger("waitpid"));
    BOOST_TEST(debugger.hear().starts_with("waiting for waitpid at "));
    target.expect("1 a\n", "0 97\n");
    BOOST_TEST(debugger.hear().find(" calls waitpid from ") != std::string::npos);
    debugger.hear_all();
    BOOST_TEST(debugger.end() == 0);
    BOOST_TEST((target.code() == before));
}

BOOST_AUTO_TEST_CASE(an_interrupted_breakpoint_detaches_from_the_target, *where_it_works) {
    const running_target target;
    const auto before = target.code();
    for (const int signal : {SIGINT, SIGTERM}) {
        piped_program debugger(target.debugger("weigh"));
        BOOST_TEST(debugger.hear().starts_with("waiting for weigh at "));
        ::kill(debugger.id(), signal);
        BOOST_TEST(debugger.hear_all().starts_with("breakpoint: weigh was not called"));
        BOOST_TEST(debugger.end() == 1);
        BOOST_TEST((target.code() == before));
        BOOST_TEST(!target.is_traced());
        target.expect("2 a\n", "97 97\n");
    }
}

BOOST_AUTO_TEST_CASE(a_signal_and_a_stop_reach_the_target, *where_it_works) {
    running_target target;
    piped_program debugger(target.debugger("weigh"));
    BOOST_TEST(debugger.hear().starts_with("waiting for weigh at "));
    ::kill(target.id(), SIGSTOP);
    siginfo_t info{};
    must(::waitid(P_PID, static_cast<id_t>(target.id()), &info, WSTOPPED) == 0, "waitid");
    BOOST_TEST(info.si_status == SIGSTOP);
    ::kill(target.id(), SIGCONT);
    ::kill(target.id(), SIGUSR1);
    BOOST_TEST(debugger.hear_all().starts_with("breakpoint: weigh was not called"));
    BOOST_TEST(debugger.end() == 1);
    BOOST_TEST(target.end() == 128 + SIGUSR1);
}

BOOST_AUTO_TEST_CASE(a_function_that_is_not_there_is_an_error_that_leaves_no_trace) {
    const running_target target;
    const auto before = target.code();
    const program_result unknown = run_program(target.debugger("no_such_function"));
    BOOST_TEST(unknown.status == 1);
    BOOST_TEST(unknown.out == "");
    BOOST_TEST(unknown.err.starts_with("breakpoint: "));
    BOOST_TEST((target.code() == before));
    BOOST_TEST(!target.is_traced());
    target.expect("2 a\n", "97 97\n");
}

BOOST_AUTO_TEST_CASE(a_program_that_never_calls_it_or_is_none_is_an_error, *where_it_works) {
    const auto without_input = [] { ::close(STDIN_FILENO); };
    const program_result uncalled = run_program({VMIO_BREAKPOINT, "weigh", VMIO_BREAKPOINT_TARGET}, without_input);
    BOOST_TEST(uncalled.status == 1);
    BOOST_TEST(uncalled.err.starts_with("breakpoint: weigh was not called"));
    const program_result replaced =
        run_program({VMIO_BREAKPOINT, "weigh", VMIO_BREAKPOINT_TARGET, "/bin/echo", "another program"});
    BOOST_TEST(replaced.status == 1);
    BOOST_TEST(replaced.err.starts_with("breakpoint: weigh was not called"));
    BOOST_TEST(replaced.out.ends_with("another program\n"));
    const program_result unknown = run_program({VMIO_BREAKPOINT, "no_such_function", VMIO_BREAKPOINT_TARGET, "word"});
    BOOST_TEST(unknown.status == 1);
    BOOST_TEST(unknown.out == "");
    const program_result missing = run_program({VMIO_BREAKPOINT, "main", "/no/such/program"});
    BOOST_TEST(missing.status == 1);
    BOOST_TEST(missing.err.starts_with("breakpoint: cannot start /no/such/program"));
}

BOOST_AUTO_TEST_CASE(a_process_that_somebody_traces_is_an_error) {
    const running_target target;
    must(::ptrace(PTRACE_SEIZE, target.id(), 0, 0) == 0, "ptrace");
    const program_result refused = run_program(target.debugger("weigh"));
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(refused.err.ends_with("has a debugger already: process " + std::to_string(::getpid()) + "\n"));
}

BOOST_AUTO_TEST_CASE(wrong_usage_has_an_exit_status_of_its_own) {
    using command = std::vector<std::string>;
    for (const command& wrong : {command{VMIO_BREAKPOINT},
                                 {VMIO_BREAKPOINT, "weigh"},
                                 {VMIO_BREAKPOINT, "--pid", "1", "weigh", "program"},
                                 {VMIO_BREAKPOINT, "--pid", "0", "weigh"},
                                 {VMIO_BREAKPOINT, "--pid", "x", "weigh"},
                                 {VMIO_BREAKPOINT, "weigh", "program", "--no-such"}}) {
        const program_result told = run_program(wrong);
        BOOST_TEST(told.status == 2);
        BOOST_TEST(told.out == "");
        BOOST_TEST(told.err.starts_with("breakpoint: "));
        BOOST_TEST(told.err.ends_with("Try 'breakpoint --help'.\n"));
    }
    const program_result help = run_program({VMIO_BREAKPOINT, "--help"});
    BOOST_TEST(help.status == 0);
    BOOST_TEST(help.out.starts_with("usage: breakpoint FUNCTION PROGRAM [ARGUMENT...]\n"));
}

BOOST_AUTO_TEST_CASE(a_thread_that_cannot_be_stopped_does_not_keep_an_interrupted_breakpoint, *where_it_works) {
    int go[2], back[2];
    must(::pipe2(go, O_CLOEXEC) == 0 && ::pipe2(back, O_CLOEXEC) == 0, "pipe2");
    const pid_t parent = ::fork();
    must(parent >= 0, "fork");
    char byte = 0;
    if (parent == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::vfork() == 0) {  // its parent stands in the kernel until this ends
            [[maybe_unused]] ssize_t told = ::write(back[1], "v", 1);
            told = ::read(go[0], &byte, 1);
            ::_exit(0);
        }
        [[maybe_unused]] const ssize_t told = ::write(back[1], "p", 1);
        ::pause();
        ::_exit(0);
    }
    must(::read(back[0], &byte, 1) == 1, "read");
    for (const int signal : {SIGINT, SIGTERM}) {
        piped_program debugger({VMIO_BREAKPOINT, "--pid", std::to_string(parent), "weigh"});
        while (!is_traced(parent)) ::sched_yield();
        must(::kill(debugger.id(), signal) == 0, "kill");
        BOOST_TEST(debugger.hear_all() == "breakpoint: interrupted while it stopped the process\n");
        BOOST_TEST(debugger.end() == 1);
        BOOST_TEST(!is_traced(parent));
    }
    must(::write(go[1], "g", 1) == 1, "write");
    BOOST_TEST(::read(back[0], &byte, 1) == 1);
    BOOST_TEST(byte == 'p');  // it runs on
    must(::kill(parent, SIGKILL) == 0 && ::waitpid(parent, nullptr, 0) == parent, "kill");
    for (const int fd : {go[0], go[1], back[0], back[1]}) ::close(fd);
}
