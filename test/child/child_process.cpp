// SPDX-License-Identifier: BSL-1.0
#include <vmio/child_process.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <elf.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/pause_guard.hpp>
#include <vmio/process_memory.hpp>

#include "support/error_of.hpp"

using test::error_of;
using vmio::child_process;
using namespace std::chrono_literals;

namespace {

volatile int weighed = 0;

/// Where children are stopped.
extern "C" __attribute__((noinline)) int child_process_weigh(int weight) {
    weighed = weighed + weight;
    __asm__ volatile("" ::: "memory");
    return weighed;
}

bool exists(pid_t id) {
    return ::kill(id, 0) == 0;
}

char state_of(pid_t id) {
    const std::string path = "/proc/" + std::to_string(id) + "/stat";
    std::FILE* const file = std::fopen(path.c_str(), "re");
    char state = 0;
    if (file == nullptr || std::fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 0;
    if (file != nullptr) std::fclose(file);
    return state;
}

vmio::address program_counter(const vmio::thread_registers& thread) {
    const auto r = thread.get<user_regs_struct>(NT_PRSTATUS).value();
#ifdef __x86_64__
    return r.rip;
#else
    return r.pc;
#endif
}

/// Waits on its input for the number of threads that then weigh 1 each, and prints the sum.
int weigh_in_threads() {
    std::puts("ready");
    std::fflush(stdout);
    int count = 0;
    while (std::scanf("%d", &count) == 1) {
        std::vector<std::thread> threads;
        std::atomic<int> sum = 0;
        for (int i = 0; i < count; ++i) threads.emplace_back([&] { child_process_weigh(1), ++sum; });
        for (std::thread& t : threads) t.join();
        std::printf("sum %d\n", sum.load());
        std::fflush(stdout);
    }
    return 7;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(child_process_)

BOOST_AUTO_TEST_CASE(a_program_is_started_and_its_lines_are_read) {
    child_process child({"sh", "-c", "echo $0 $VMIO_WORD; pwd; echo last >&2; read x; echo got $x; exit 3", "name"},
                        {.environment = {"VMIO_WORD=word"}, .directory = "/", .merge_errors = true});
    BOOST_TEST(child.read_line().value() == "name word");
    BOOST_TEST(child.read_line().value() == "/");
    BOOST_TEST(child.wait_for_line("ast") == "last");
    BOOST_TEST(!child.status());
    child.write("a line\n");
    BOOST_TEST(child.wait_for_line("got") == "got a line");
    BOOST_TEST(!child.read_line());
    BOOST_TEST(child.wait() == 3);
    BOOST_TEST(child.wait() == 3);
    BOOST_TEST(child.status().value() == 3);
    child.signal(SIGTERM);  // it has ended: nobody else gets it
}

BOOST_AUTO_TEST_CASE(a_variable_of_the_environment_is_replaced) {
    ::setenv("VMIO_CHILD", "before", 1);
    child_process child({"sh", "-c", "env | grep -c ^VMIO_CHILD=; echo $VMIO_CHILD"},
                        {.environment = {"VMIO_CHILD=a=b"}});
    BOOST_TEST(child.read_line().value() == "1");
    BOOST_TEST(child.read_line().value() == "a=b");
}

BOOST_AUTO_TEST_CASE(a_program_that_cannot_be_started_is_an_error_and_leaves_nothing) {
    BOOST_TEST(error_of([] { child_process({"/nonexistent/program"}); }) == ENOENT);
    BOOST_TEST(error_of([] { child_process({"/"}); }) == EACCES);
    BOOST_TEST(error_of([] { child_process({"true"}, {.directory = "/nonexistent"}); }) == ENOENT);
    BOOST_TEST(error_of([] { child_process({"/nonexistent/program"}, {.stopped = true}); }) == ENOENT);
    BOOST_CHECK_THROW(child_process(std::vector<std::string>()), std::invalid_argument);
    BOOST_CHECK_THROW(child_process(std::function<int()>()), std::invalid_argument);
    BOOST_TEST(::waitpid(-1, nullptr, WNOHANG) == -1);
    BOOST_TEST(errno == ECHILD);
}

BOOST_AUTO_TEST_CASE(a_child_ends_with_its_object) {
    pid_t id = 0;
    {
        const child_process child({"sleep", "1000"});
        id = child.id();
        BOOST_TEST(exists(id));
        BOOST_TEST(child.target().alive());
    }
    BOOST_TEST(!exists(id));
    child_process first({"sleep", "1000"});
    id = first.id();
    first = child_process({"sleep", "1000"});
    BOOST_TEST(!exists(id));
}

BOOST_AUTO_TEST_CASE(what_a_child_has_started_ends_with_its_object) {
    pid_t id = 0;
    {
        child_process child({"sh", "-c", "sleep 1000 & echo $!; wait"});
        id = std::atoi(child.read_line().value().c_str());
        BOOST_TEST(exists(id));
    }
    for (int i = 0; i < 10000 && exists(id) && state_of(id) != 'Z'; ++i)
        ::usleep(1000);  // adopted, it is reaped by others
    BOOST_TEST((!exists(id) || state_of(id) == 'Z'));
}

BOOST_AUTO_TEST_CASE(a_child_ends_with_the_thread_that_started_it) {
    // A parent that is killed: its child is adopted, and ends nonetheless.
    child_process parent([] {
        const child_process child({"sleep", "1000"});
        std::printf("%d\n", child.id());
        std::fflush(stdout);
        ::pause();
        return 0;
    });
    const pid_t id = std::atoi(parent.read_line().value().c_str());
    BOOST_TEST(exists(id));
    parent.signal(SIGKILL);
    BOOST_TEST(parent.wait() == 128 + SIGKILL);
    // Its end of the pipe from the child has gone with it; that of the child's own output goes when the child does.
    for (int i = 0; i < 10000 && exists(id) && state_of(id) != 'Z'; ++i) ::usleep(1000);
    BOOST_TEST((!exists(id) || state_of(id) == 'Z'));
}

BOOST_AUTO_TEST_CASE(nothing_is_waited_for_longer_than_the_limit) {
    child_process child({"sh", "-c", "echo one; sleep 1000"}, {.limit = 50ms});
    BOOST_TEST(error_of([&] { child.wait_for_line("two"); }) == ETIMEDOUT);
    BOOST_TEST(error_of([&] { child.read_line(); }) == ETIMEDOUT);
    BOOST_TEST(error_of([&] { child.wait(); }) == ETIMEDOUT);
    BOOST_TEST(error_of([&] { child.write(std::string(1 << 20, 'x')); }) == ETIMEDOUT);
}

BOOST_AUTO_TEST_CASE(a_child_that_has_ended_is_told_by_errors) {
    child_process child({"true"});
    BOOST_TEST(child.wait() == 0);
    BOOST_TEST(error_of([&] { child.write("x"); }) == EPIPE);  // and no SIGPIPE
    BOOST_TEST(error_of([&] { child.wait_for_line("x"); }) == ESRCH);
    BOOST_TEST(error_of([&] { child.run_until(0x1000); }) == ESRCH);
    child_process killed({"sleep", "1000"});
    killed.signal(SIGTERM);
    BOOST_TEST(killed.wait() == 128 + SIGTERM);
}

BOOST_AUTO_TEST_CASE(a_forked_function_has_this_memory_and_its_result_is_the_status) {
    static int number = 41;
    child_process child([] {
        ++number;
        std::puts("done");
        std::fflush(stdout);
        return std::getchar() == 'x' ? number : 0;
    });
    BOOST_TEST(child.wait_for_line("done") == "done");
    BOOST_TEST(vmio::process_memory(child.target()).read_value<int>(vmio::address_of(&number)) == 42);
    child.write("x");
    BOOST_TEST(child.wait() == 42);
    BOOST_TEST(number == 41);
    child_process thrown([]() -> int { throw std::runtime_error("words"); }, {.merge_errors = true});
    BOOST_TEST(thrown.read_line().value() == "words");
    BOOST_TEST(thrown.wait() == 99);
}

BOOST_AUTO_TEST_CASE(a_child_runs_until_a_function_is_called_and_stands_there) {
    child_process child(weigh_in_threads);
    const vmio::process_memory memory(child.target());
    const vmio::address function = vmio::address_of(reinterpret_cast<void*>(&child_process_weigh));
    child.wait_for_line("ready");
    const auto code = memory.read_value<std::array<unsigned char, 16>>(function);
    for (const int threads : {1, 5}) {
        const int before = memory.read_value<int>(vmio::address_of(&weighed));
        child.stop();
        child.write(std::to_string(threads) + "\n");
        child.run_until(function);
        BOOST_TEST(state_of(child.id()) == 'T');
        BOOST_TEST((memory.read_value<std::array<unsigned char, 16>>(function) == code));
        BOOST_TEST(memory.read_value<int>(vmio::address_of(&weighed)) < before + threads);
        {
            const vmio::pause_guard pause(child.target());  // nobody traces it any more
            bool there = false;
            for (const auto& thread : pause.registers()) there = there || program_counter(thread) == function;
            BOOST_TEST(there);
        }
        child.resume();
        BOOST_TEST(child.wait_for_line("sum") == "sum " + std::to_string(threads));
    }
    child.close_input();
    BOOST_TEST(child.wait() == 7);
}

BOOST_AUTO_TEST_CASE(a_place_that_is_not_reached_leaves_the_child_as_it_was) {
    child_process child(weigh_in_threads, {.limit = 300ms});
    const vmio::process_memory memory(child.target());
    const vmio::address function = vmio::address_of(reinterpret_cast<void*>(&child_process_weigh));
    const auto code = memory.read_value<std::array<unsigned char, 16>>(function);
    BOOST_TEST(error_of([&] { child.run_until(function); }) == ETIMEDOUT);
    BOOST_TEST((memory.read_value<std::array<unsigned char, 16>>(function) == code));
    child.write("3\n");
    BOOST_TEST(child.wait_for_line("sum") == "sum 3");
    BOOST_TEST(error_of([&] { child.run_until(0x10); }) != 0);
    child.write("2\n");
    BOOST_TEST(child.wait_for_line("sum") == "sum 2");
    child.stop();
    child.close_input();
    BOOST_TEST(error_of([&] { child.run_until(function); }) == ESRCH);
    BOOST_TEST(child.wait() == 7);
}

BOOST_AUTO_TEST_CASE(what_a_child_forks_meanwhile_meets_no_breakpoint) {
    child_process child([] {
        std::getchar();
        const pid_t id = ::fork();
        if (id == 0) ::_exit(child_process_weigh(5));
        int status = 0;
        ::waitpid(id, &status, 0);
        const int spawned = std::system("exit 4");  // by vfork(2)
        std::printf("fork %d, %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), WEXITSTATUS(spawned));
        std::fflush(stdout);
        return child_process_weigh(1);
    });
    child.stop();
    child.write("x");
    child.run_until(vmio::address_of(reinterpret_cast<void*>(&child_process_weigh)));
    BOOST_TEST(child.wait_for_line("fork") == "fork 5, 4");
    child.resume();
    BOOST_TEST(child.wait() == 1);
}

BOOST_AUTO_TEST_CASE(a_program_can_be_stopped_before_its_first_instruction) {
    child_process child({"sh", "-c", "echo ran"}, {.stopped = true, .limit = 5s});
    BOOST_TEST(state_of(child.id()) == 'T');
    child.resume();
    BOOST_TEST(child.wait_for_line("ran") == "ran");
    BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
