// SPDX-License-Identifier: BSL-1.0
#include <vmio/process.hpp>

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>

#include "faults/seccomp.hpp"
#include "processes/child.hpp"
#include "support/kernel_features.hpp"
#include "support/skip.hpp"

namespace {

int error_of(pid_t id) {
    std::error_code ec;
    const vmio::process p(id, ec);
    BOOST_TEST(static_cast<bool>(p) == !ec);
    BOOST_TEST(p.alive() == !ec);
    if (ec) {
        try {
            vmio::process again(id);
            BOOST_ERROR("no exception");
        } catch (const vmio::memory_error& e) {
            BOOST_TEST(e.code() == ec);
            BOOST_TEST(e.process_id() == id);
            BOOST_TEST(e.operation() == std::string("open"));
        }
    }
    return ec.value();
}

/// An id that nobody has: that of a child that was reaped.
pid_t unused_id() {
    test::child_process child;
    child.end();
    return child.id();
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_id_below_1_is_an_invalid_argument) {
    for (const pid_t id : {-2, -1, 0}) BOOST_TEST(error_of(id) == EINVAL);
}

BOOST_AUTO_TEST_CASE(an_unused_id_is_no_such_process) {
    BOOST_TEST(error_of(unused_id()) == ESRCH);
}

BOOST_AUTO_TEST_CASE(a_zombie_is_no_such_process) {
    test::child_process child;
    child.kill();
    BOOST_TEST(error_of(child.id()) == ESRCH);
}

BOOST_AUTO_TEST_CASE(a_kernel_thread_is_no_such_process,
                     *boost::unit_test::precondition(test::kernel_threads_are_seen)) {
    BOOST_TEST(error_of(2) == ESRCH);
}

BOOST_AUTO_TEST_CASE(this_process_and_a_child_are_alive) {
    BOOST_TEST(vmio::process::self().id() == ::getpid());
    test::on_self_and_child([](pid_t id) {
        const vmio::process p(id);
        BOOST_TEST(p.id() == id);
        BOOST_TEST(p.alive());
        BOOST_TEST(p.pidfd() >= 0);
        BOOST_TEST(p.proc_directory() >= 0);
        const vmio::process copy = p;
        BOOST_TEST(copy.pidfd() == p.pidfd());
    });
}

BOOST_AUTO_TEST_CASE(the_end_of_a_process_is_noticed_by_every_copy) {
    test::child_process child;
    const vmio::process p(child.id());
    const vmio::process copy = p;
    BOOST_TEST(p.alive());
    child.kill();
    BOOST_TEST(!p.alive());
    child.end();
    BOOST_TEST(!copy.alive());
}

BOOST_AUTO_TEST_CASE(descriptors_are_closed_with_the_last_copy_and_on_exec) {
    int fd = -1;
    {
        const vmio::process p = vmio::process::self();
        fd = p.proc_directory();
        BOOST_TEST((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        BOOST_TEST((::fcntl(p.pidfd(), F_GETFD) & FD_CLOEXEC) != 0);
    }
    BOOST_TEST(::fcntl(fd, F_GETFD) == -1);
}

BOOST_AUTO_TEST_CASE(a_thread_can_be_opened_by_its_own_id, *boost::unit_test::precondition(test::has_thread_pidfds)) {
    int done[2];
    int told[2];
    BOOST_REQUIRE(::pipe(done) == 0);
    BOOST_REQUIRE(::pipe(told) == 0);
    std::thread thread([&] {
        const pid_t id = static_cast<pid_t>(::syscall(SYS_gettid));
        test::must(::write(told[1], &id, sizeof id) == sizeof id, "write");
        char byte;
        test::must(::read(done[0], &byte, 1) == 1, "read");
    });
    pid_t id = 0;
    BOOST_REQUIRE(::read(told[0], &id, sizeof id) == static_cast<ssize_t>(sizeof id));
    {
        const vmio::process p(id);
        BOOST_TEST(p.id() == id);
        BOOST_TEST(p.alive());
    }
    BOOST_REQUIRE(::write(done[1], "", 1) == 1);
    thread.join();
    for (const int fd : {done[0], done[1], told[0], told[1]}) ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_lack_of_descriptors_is_an_error) {
    for (unsigned long room = 0; room < 3; ++room)
        BOOST_TEST(test::in_a_process([room] {
                       const int next = ::dup(0);
                       ::close(next);
                       const rlimit limit{static_cast<rlim_t>(next) + room, static_cast<rlim_t>(next) + room};
                       test::must(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
                       std::error_code ec;
                       const vmio::process p(::getpid(), ec);
                       return ec.value() == EMFILE ? 0 : 1;
                   }) == 0);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_process_is_noticed_where_a_filter_forbids_to_poll) {
#ifdef SYS_epoll_wait
    constexpr long asking = SYS_epoll_wait;
#else
    constexpr long asking = SYS_epoll_pwait;
#endif
    BOOST_TEST(test::in_a_process([] {
                   test::child_process child;
                   const vmio::process target(child.id());
                   test::forbid({asking, SYS_ppoll}, EPERM);
                   if (!target.alive()) return 1;
                   child.end();
                   return target.alive() ? 2 : 0;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_process_is_noticed_without_a_pidfd_and_without_descriptors_left) {
    BOOST_TEST(test::in_a_process([] {
                   test::child_process child;
                   test::forbid({SYS_pidfd_open}, ENOSYS);
                   const vmio::process target(child.id());
                   if (target.pidfd() >= 0) return 1;
                   const rlimit none{0, 0};
                   test::must(::setrlimit(RLIMIT_NOFILE, &none) == 0, "setrlimit");
                   if (!target.alive()) return 2;
                   child.end();
                   return target.alive() ? 3 : 0;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_process_and_its_memory_hold_two_descriptors) {
    const auto descriptors = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                             std::filesystem::directory_iterator());
    };
    static const long value = 42;
    test::child_process child;
    const auto before = descriptors();
    const vmio::process target(child.id());
    const vmio::process_memory memory(target);
    for (int i = 0; i < 20; ++i) BOOST_TEST(memory.read_value<long>(vmio::address_of(&value)) == 42);
    BOOST_TEST(target.same_program());
    // One more where two programs may have the same layout: that of the memory.
    const bool random = (::personality(0xffffffff) & ADDR_NO_RANDOMIZE) == 0;
    BOOST_TEST(descriptors() - before == (random ? 2 : 3));
    vmio::memory_map::load(target);
    BOOST_TEST(descriptors() - before <= 3);
}

BOOST_AUTO_TEST_CASE(many_targets_fit_into_few_descriptors) {
    BOOST_TEST(test::in_a_process([] {
                   static const long value = 42;
                   test::child_process child;
                   const rlimit limit{1024, 1024};
                   test::must(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
                   std::vector<vmio::process_memory> targets;
                   const bool random = (::personality(0xffffffff) & ADDR_NO_RANDOMIZE) == 0;
                   for (int i = 0; i < (random ? 450 : 300); ++i) {  // two or three descriptors each
                       targets.emplace_back(vmio::process(child.id()));
                       if (targets.back().read_value<long>(vmio::address_of(&value)) != 42) return 1;
                   }
                   for (const auto& memory : targets)
                       if (!memory.target().alive() || !memory.target().same_program()) return 2;
                   return 0;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_lazy_descriptor_is_opened_once_by_many_threads) {
    test::child_process child;
    for (int i = 0; i < 50; ++i) {
        const vmio::process target(child.id());
        std::vector<int> seen(4, -1);
        std::vector<std::thread> threads;
        for (int& fd : seen)
            threads.emplace_back([&] {
                for (int n = 0; n < 300; ++n)
                    if (!target.alive() || !target.same_program()) return;
                fd = target.maps();
            });
        for (std::thread& t : threads) t.join();
        for (const int fd : seen) BOOST_TEST((fd >= 0 && fd == target.maps()));
    }
}

BOOST_AUTO_TEST_CASE(a_name_of_any_bytes_hides_neither_the_state_nor_itself) {
    for (const char* name :
         {") Z 0 0 0 0 0", "a) X (", "\n\n) Z\n", "((((((((((((((", "", ")", "\xff\xfe\x80", "ends\n"}) {
        test::child_process child([&] { ::prctl(PR_SET_NAME, name); });
        const vmio::process target(child.id());
        BOOST_TEST(target.alive());
        BOOST_TEST(target.same_program());
        vmio::capture_options nothing;
        nothing.ranges = {vmio::address_range(0, 4096)};
        BOOST_TEST(vmio::process_snapshot::capture(target, nothing).program() == std::string(name).substr(0, 15));
    }
}
