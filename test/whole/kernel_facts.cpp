// SPDX-License-Identifier: BSL-1.0
/// What the kernel does with process_vm_readv and process_vm_writev, as far as the library relies on it. If one of
/// these fails, the kernel differs, and the code that relies on it must be reviewed.
#include <cerrno>
#include <string>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <boost/test/unit_test.hpp>

#include <vmio/process_memory.hpp>

#include "processes/child.hpp"
#include "support/pages.hpp"

namespace {

const std::size_t page = vmio::page_size();

ssize_t raw_read(pid_t id, std::vector<iovec> local, std::vector<iovec> remote, unsigned long flags = 0) {
    return ::process_vm_readv(id, local.data(), local.size(), remote.data(), remote.size(), flags);
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_iovec_that_runs_into_a_hole_gives_the_pages_before_it) {
    test::pages some(4);
    some.make_hole(2);
    std::vector<std::byte> to(4 * page);
    BOOST_TEST(raw_read(::getpid(), {{to.data(), 4 * page}}, {{some.data(), 4 * page}}) ==
               static_cast<ssize_t>(2 * page));
    BOOST_TEST(raw_read(::getpid(), {{to.data(), page}}, {{some.data() + 2 * page, page}}) == -1);
    BOOST_TEST(errno == EFAULT);
}

BOOST_AUTO_TEST_CASE(iovecs_behind_a_hole_are_not_tried) {
    test::pages some(3);
    some.make_hole(1);
    std::vector<std::byte> to(3 * page, std::byte{0xee});
    BOOST_TEST(raw_read(::getpid(), {{to.data(), 3 * page}},
                        {{some.data(), page}, {some.data() + page, page}, {some.data() + 2 * page, page}}) ==
               static_cast<ssize_t>(page));
    BOOST_TEST(test::all_equal(std::span(to).subspan(page), std::byte{0xee}));
}

BOOST_AUTO_TEST_CASE(more_than_iov_max_iovecs_are_refused_on_either_side) {
    const test::pages some(1);
    std::byte to[2048];
    std::vector<iovec> ours(1025, {to, 1});
    std::vector<iovec> theirs(1025, {some.data(), 1});
    BOOST_TEST(raw_read(::getpid(), ours, {{some.data(), 1025}}) == -1);
    BOOST_TEST(errno == EINVAL);
    BOOST_TEST(raw_read(::getpid(), {{to, 1025}}, theirs) == -1);
    BOOST_TEST(errno == EINVAL);
    theirs.pop_back();
    BOOST_TEST(raw_read(::getpid(), {{to, 1024}}, theirs) == 1024);
}

BOOST_AUTO_TEST_CASE(flags_and_negative_lengths_are_refused) {
    const test::pages some(1);
    std::byte to[8];
    BOOST_TEST(raw_read(::getpid(), {{to, 8}}, {{some.data(), 8}}, 1) == -1);
    BOOST_TEST(errno == EINVAL);
    BOOST_TEST(raw_read(::getpid(), {{to, 8}}, {{some.data(), static_cast<std::size_t>(-1)}}) == -1);
    BOOST_TEST(errno == EINVAL);
}

BOOST_AUTO_TEST_CASE(ids_without_a_process_are_no_such_process_and_0_is_not_myself) {
    const test::pages some(1);
    std::byte to[8];
    test::child_process zombie;
    zombie.kill();
    test::child_process reaped;
    reaped.end();
    for (const pid_t id : {pid_t{0}, pid_t{-1}, zombie.id(), reaped.id()}) {
        BOOST_TEST(raw_read(id, {{to, 8}}, {{some.data(), 8}}) == -1);
        BOOST_TEST(errno == ESRCH);
    }
    BOOST_TEST(::kill(zombie.id(), 0) == 0);  // why kill() is not asked
}

BOOST_AUTO_TEST_CASE(a_call_of_length_0_looks_at_nothing) {
    std::byte to[8];
    BOOST_TEST(raw_read(-1, {{to, 0}}, {{nullptr, 0}}) == 0);
    BOOST_TEST(raw_read(1, {}, {}) == 0);
}

BOOST_AUTO_TEST_CASE(a_read_after_exec_reads_the_new_program) {
    const test::pages some(1);
    // sleep(1) by way of a pipe: cat ends when this process closes it.
    int hold[2];
    BOOST_REQUIRE(::pipe2(hold, O_CLOEXEC) == 0);
    int executed[2];
    BOOST_REQUIRE(::pipe2(executed, O_CLOEXEC) == 0);
    int go[2];
    BOOST_REQUIRE(::pipe2(go, O_CLOEXEC) == 0);
    const pid_t id = ::fork();
    if (id == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        char byte;
        ::dup2(hold[0], 0);
        ::close(hold[1]);
        test::must(::read(go[0], &byte, 1) == 1, "read");
        ::execlp("cat", "cat", nullptr);
        ::_exit(127);
    }
    ::close(executed[1]);
    const vmio::process_memory memory{vmio::process(id)};
    BOOST_TEST((memory.read_value<std::byte>(some.start()) == test::pattern(some.start())));
    BOOST_REQUIRE(::write(go[1], "", 1) == 1);
    char byte;
    BOOST_REQUIRE(::read(executed[0], &byte, 1) == 0);  // closed by exec
    std::error_code ec;
    BOOST_TEST(memory.read_some(some.start(), {reinterpret_cast<std::byte*>(&byte), 1}, ec) == 0u);
    BOOST_TEST(ec.value() == EFAULT);
    BOOST_TEST(memory.target().alive());
    for (const int fd : {hold[0], hold[1], executed[0], go[0], go[1]}) ::close(fd);
    ::kill(id, SIGKILL);
    ::waitpid(id, nullptr, 0);
}

BOOST_AUTO_TEST_CASE(a_dead_thread_group_leader_has_no_memory_but_a_live_thread_has) {
    const test::pages some(1);
    int told[2];
    BOOST_REQUIRE(::pipe(told) == 0);
    const pid_t leader = ::fork();
    if (leader == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        static int fd = told[1];
        pthread_t thread;
        ::pthread_create(
            &thread, nullptr,
            [](void*) -> void* {
                const pid_t main_thread = ::getpid();
                // Wait until the leader is a zombie: its state in /proc.
                for (;;) {
                    std::ifstream stat("/proc/self/task/" + std::to_string(main_thread) + "/stat");
                    std::string text;
                    std::getline(stat, text);
                    if (text.find(") Z") != std::string::npos) break;
                    ::sched_yield();
                }
                const pid_t id = static_cast<pid_t>(::syscall(SYS_gettid));
                test::must(::write(fd, &id, sizeof id) == sizeof id, "write");
                for (;;) ::pause();
            },
            nullptr);
        ::syscall(SYS_exit, 0);  // this thread only
    }
    pid_t thread = 0;
    BOOST_REQUIRE(::read(told[0], &thread, sizeof thread) == static_cast<ssize_t>(sizeof thread));
    std::byte byte;
    BOOST_TEST(raw_read(leader, {{&byte, 1}}, {{some.data(), 1}}) == -1);
    BOOST_TEST(errno == ESRCH);
    BOOST_TEST(raw_read(thread, {{&byte, 1}}, {{some.data(), 1}}) == 1);

    std::error_code ec;
    vmio::process by_leader(leader, ec);
    if (!ec) vmio::process_memory(by_leader, ec);
    BOOST_TEST(ec.value() == ESRCH);
    const vmio::process by_thread(thread, ec);
    if (!ec)
        BOOST_TEST(
            (vmio::process_memory(by_thread).read_value<std::byte>(some.start()) == test::pattern(some.start())));
    ::kill(leader, SIGKILL);
    ::waitpid(leader, nullptr, 0);
    ::close(told[0]);
    ::close(told[1]);
}
