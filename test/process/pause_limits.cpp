// SPDX-License-Identifier: BSL-1.0
/// What a pause waits for, how long, and what its error tells.
#include <vmio/pause_guard.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>

#include "faults/seccomp.hpp"
#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/skip.hpp"

using test::shared;
using vmio::memory_error;
using vmio::pause_guard;
using vmio::process;
using namespace std::chrono_literals;

namespace {

/// A line of /proc/PID/status.
std::string status_line(pid_t id, const std::string& key) {
    std::ifstream file("/proc/" + std::to_string(id) + "/status");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key + ":")) return line.substr(line.find_first_not_of(" \t", key.size() + 1));
    return {};
}

struct failure {
    int error = 0;
    std::string text;
};

failure failure_of_pausing(pid_t target, const vmio::pause_options& options = {}) {
    try {
        const pause_guard guard{process(target), options};
    } catch (const memory_error& e) {
        BOOST_TEST(e.operation() == std::string("pause"));
        return {e.code().value(), e.what()};
    }
    return {};
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_thread_that_does_not_stop_is_named_when_the_time_is_over) {
    struct words {
        std::atomic<pid_t> parent{0};
        std::atomic<pid_t> child{0};
        std::atomic<long> count{0};
    };
    auto* const seen = shared<words>();
    int hold[2];
    BOOST_REQUIRE(::pipe(hold) == 0);
    const test::child_process target([&] {
        ::close(hold[1]);
        std::thread([&] {
            ::prctl(PR_SET_NAME, "waits-in-vfork");
            seen->parent = static_cast<pid_t>(::syscall(SYS_gettid));
            if (::vfork() == 0) {
                seen->child = static_cast<pid_t>(::syscall(SYS_getpid));
                char byte;
                ::_exit(::syscall(SYS_read, hold[0], &byte, 1) == 0 ? 0 : 1);
            }
            for (;;) ::pause();
        }).detach();
        std::thread([&] {
            for (;; std::this_thread::yield()) ++seen->count;
        }).detach();
    });
    while (seen->child == 0 || status_line(seen->parent, "State").front() != 'D') std::this_thread::yield();

    const failure f = failure_of_pausing(target.id(), {.stop_timeout = 50ms});
    BOOST_TEST(f.error == ETIMEDOUT);
    BOOST_TEST(has(f.text, "thread " + std::to_string(seen->parent)), f.text);
    BOOST_TEST(has(f.text, "waits-in-vfork"), f.text);
    BOOST_TEST(has(f.text, "state D"), f.text);
    BOOST_TEST(status_line(target.id(), "TracerPid") == "0");
    BOOST_TEST(status_line(seen->parent, "TracerPid") == "0");
    for (const long before = seen->count; seen->count == before;) std::this_thread::yield();

    // Its child stopped by us: the wait would never end.
    {
        const pause_guard child{process(seen->child)};
        BOOST_TEST(failure_of_pausing(target.id(), {.stop_timeout = 50ms}).error == ETIMEDOUT);
    }
    // Without a limit, the end of the child ends the wait.
    std::atomic<bool> paused{false};
    std::thread pausing([&] {
        const pause_guard guard{process(target.id()), {.stop_timeout = 0ms}};
        paused = true;
    });
    BOOST_TEST(!paused);
    ::close(hold[1]);
    pausing.join();
    BOOST_TEST(paused);
    ::close(hold[0]);
}

BOOST_AUTO_TEST_CASE(a_refused_pause_names_the_process_that_traces) {
    const test::child_process target;
    int hold[2];
    int ready[2];
    BOOST_REQUIRE((::pipe(hold) == 0 && ::pipe(ready) == 0));
    const pid_t debugger = ::fork();
    if (debugger == 0) {
        ::close(hold[1]);
        ::prctl(PR_SET_NAME, "the-debugger");
        test::must(::ptrace(PTRACE_SEIZE, target.id(), nullptr, nullptr) == 0, "seize");
        char byte = 0;
        test::must(::write(ready[1], &byte, 1) == 1, "write");
        ::_exit(::read(hold[0], &byte, 1) == 0 ? 0 : 1);
    }
    char byte;
    BOOST_REQUIRE(::read(ready[0], &byte, 1) == 1);
    const failure f = failure_of_pausing(target.id());
    BOOST_TEST(f.error == EPERM);
    BOOST_TEST(has(f.text, std::to_string(debugger) + " (the-debugger)"), f.text);
    ::close(hold[1]);
    BOOST_REQUIRE(::waitpid(debugger, nullptr, 0) == debugger);
    BOOST_TEST(failure_of_pausing(target.id()).error == 0);
    {
        const pause_guard first{process(target.id())};
        BOOST_TEST(has(failure_of_pausing(target.id()).text, "this process traces it"));
    }
    for (const int fd : {hold[0], ready[0], ready[1]}) ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_list_of_threads_that_cannot_be_read_is_that_error) {
    const test::child_process target;
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid({SYS_getdents64}, ENOMEM);
                   return failure_of_pausing(target.id()).error;
               }) == ENOMEM);
}

BOOST_AUTO_TEST_CASE(a_thread_id_that_became_another_process_s_is_not_kept_seized,
                     *boost::unit_test::precondition(test::as_root)) {
    struct words {
        std::atomic<pid_t> thread{0};
        std::atomic<bool> end{false};
        std::atomic<int> listener{-1};
        std::atomic<pid_t> bystander{0};
    };
    auto* const seen = shared<words>();
    BOOST_TEST(test::in_a_process([&] {
                   const test::child_process target([&] {
                       std::thread([&] {
                           seen->thread = static_cast<pid_t>(::syscall(SYS_gettid));
                           while (!seen->end) std::this_thread::yield();
                       }).detach();
                       while (seen->thread == 0) std::this_thread::yield();
                   });
                   // When the thread is to be seized, it ends, and its id is given to a new process.
                   std::thread([&] {
                       while (seen->listener < 0) std::this_thread::yield();
                       const std::string task =
                           "/proc/" + std::to_string(target.id()) + "/task/" + std::to_string(seen->thread);
                       for (;;) {
                           seccomp_notif asked{};
                           if (::ioctl(seen->listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) continue;
                           if (asked.data.args[0] == PTRACE_SEIZE && !seen->end &&
                               static_cast<pid_t>(asked.data.args[1]) == seen->thread) {
                               seen->end = true;
                               while (::access(task.c_str(), F_OK) == 0) std::this_thread::yield();
                               const pid_t id = seen->thread;
                               clone_args how{};
                               how.exit_signal = SIGCHLD;
                               how.set_tid = reinterpret_cast<std::uintptr_t>(&id);
                               how.set_tid_size = 1;
                               long child = 0;
                               do {
                                   child = ::syscall(SYS_clone3, &how, sizeof how);
                               } while (child < 0 && errno == EEXIST);  // it is given back a moment later
                               if (child == 0) {
                                   ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                                   for (;;) ::pause();
                               }
                               seen->bystander = static_cast<pid_t>(child);
                           }
                           seccomp_notif_resp answer{};
                           answer.id = asked.id;
                           answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
                           ::ioctl(seen->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
                       }
                   }).detach();
                   sock_filter program[]{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                         BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
                                         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
                                         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
                   const sock_fprog filter{std::size(program), program};
                   test::must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
                   seen->listener = static_cast<int>(
                       ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter));
                   test::must(seen->listener >= 0, "seccomp");

                   const pause_guard guard{process(target.id())};
                   if (seen->bystander <= 0) return 77;  // no such thread was seized, or the id could not be had
                   if (status_line(seen->bystander, "TracerPid") != "0") return 1;
                   if (guard.threads() != std::vector<pid_t>{target.id()}) return 2;
                   return status_line(target.id(), "TracerPid") == "0" ? 3 : 0;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(waitpid_for_a_child_reports_the_pause_but_not_with_wnothread) {
    test::child_process target;
    const process handle(target.id());
    int status = 0;
    {
        const pause_guard guard(handle);
        BOOST_TEST(::waitpid(target.id(), &status, WNOHANG | __WNOTHREAD) == 0);
        if (::waitpid(target.id(), &status, WNOHANG) != 0) BOOST_TEST(WIFSTOPPED(status));
    }
    BOOST_TEST(::waitpid(target.id(), &status, WNOHANG) == 0);
    const pause_guard guard(handle);
    target.kill();
    BOOST_TEST(::waitpid(target.id(), &status, 0) == target.id());
    BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    target.forget();
}
