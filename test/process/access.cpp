// SPDX-License-Identifier: BSL-1.0
#include <vmio/access.hpp>

#include <cerrno>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/process_memory.hpp>

#include "faults/seccomp.hpp"
#include "processes/child.hpp"
#include "support/skip.hpp"

using vmio::access_obstacle;
using vmio::diagnose_access;

namespace {

access_obstacle obstacle(pid_t id) {
    return diagnose_access(id).obstacle;
}

bool says(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

boost::test_tools::assertion_result can_make_user_namespaces(boost::unit_test::test_unit_id) {
    return test::unless_missing(test::in_a_process([] { return ::unshare(CLONE_NEWUSER) == 0 ? 0 : 1; }) == 0,
                                "user namespaces");
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_diagnosis_is_empty_where_access_is_permitted) {
    test::on_self_and_child([](pid_t id) {
        BOOST_TEST((obstacle(id) == access_obstacle::none));
        BOOST_TEST(diagnose_access(id).text.empty());
    });
}

BOOST_AUTO_TEST_CASE(an_id_without_a_process_is_diagnosed) {
    for (const pid_t id : {-2, -1, 0}) BOOST_TEST((obstacle(id) == access_obstacle::invalid_id));
    test::child_process child;
    child.kill();
    BOOST_TEST((obstacle(child.id()) == access_obstacle::zombie));
    child.end();
    BOOST_TEST((obstacle(child.id()) == access_obstacle::gone));
}

BOOST_AUTO_TEST_CASE(a_kernel_thread_is_diagnosed, *boost::unit_test::precondition(test::kernel_threads_are_seen)) {
    BOOST_TEST((obstacle(2) == access_obstacle::kernel_thread));
}

BOOST_AUTO_TEST_CASE(another_users_process_is_refused_with_advice, *boost::unit_test::precondition(test::as_root)) {
    test::child_process child;
    BOOST_TEST(test::as_nobody([&] {
                   const auto d = diagnose_access(child.id());
                   if (d.obstacle != access_obstacle::other_user) return 1;
                   if (!says(d.text, "uid 0") || !says(d.text, "CAP_SYS_PTRACE")) return 2;
                   try {
                       vmio::process_memory(vmio::process(child.id()));
                   } catch (const vmio::memory_error& e) {
                       return says(e.what(), d.text.c_str()) ? 0 : 3;
                   }
                   return 4;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_process_that_is_not_dumpable_is_diagnosed, *boost::unit_test::precondition(test::as_root)) {
    BOOST_TEST(test::as_nobody([] {
                   ::prctl(PR_SET_DUMPABLE, 1);
                   test::child_process closed([] { ::prctl(PR_SET_DUMPABLE, 0); });
                   return obstacle(closed.id()) == access_obstacle::not_dumpable ? 0 : 1;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_process_outside_of_the_user_namespace_is_diagnosed,
                     *boost::unit_test::precondition(can_make_user_namespaces)) {
    test::child_process outside;
    BOOST_TEST(test::in_a_process([&] {
                   test::must(::unshare(CLONE_NEWUSER) == 0, "unshare");
                   const auto d = diagnose_access(outside.id());
                   return d.obstacle == access_obstacle::other_user_namespace && says(d.text, "namespace") ? 0 : 1;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_filter_that_forbids_the_call_is_diagnosed) {
    test::child_process child;
    for (const int error : {EPERM, ENOSYS})
        BOOST_TEST(test::in_a_process([&] {
                       test::forbid_process_vm(error);
                       const auto d = diagnose_access(child.id());
                       return d.obstacle == access_obstacle::forbidden_call && says(d.text, "seccomp") ? 0 : 1;
                   }) == 0);
}

BOOST_AUTO_TEST_CASE(a_ptrace_scope_says_what_helps_against_it, *boost::unit_test::precondition(test::as_root)) {
    const char* const helps[] = {"PR_SET_PTRACER", "only CAP_SYS_PTRACE helps", "before a reboot"};
    for (int scope = 1; scope <= 3; ++scope) {
        // The kernel's own list of settings may not have it: one with nothing else.
        const auto body = [&] {
            test::must(::unshare(CLONE_NEWNS) == 0, "unshare");
            test::must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private");
            test::must(::mount("none", "/proc/sys/kernel", "tmpfs", 0, nullptr) == 0, "mount");
            test::must(::mkdir("/proc/sys/kernel/yama", 0755) == 0, "mkdir");
            std::ofstream("/proc/sys/kernel/yama/ptrace_scope") << scope;
            // A process of our user with capabilities that we lack is refused for no other reason that can be seen.
            test::child_process privileged([] {
                ::prctl(PR_SET_KEEPCAPS, 1);
                test::must(::setgid(65534) == 0 && ::setuid(65534) == 0, "setuid");
                ::prctl(PR_SET_DUMPABLE, 1);
            });
            test::must(::setgid(65534) == 0 && ::setuid(65534) == 0, "setuid");
            const auto d = diagnose_access(privileged.id());
            const int status = d.obstacle != access_obstacle::ptrace_scope ? 1 : says(d.text, helps[scope - 1]) ? 0 : 2;
            privileged.forget();  // it ends with us: we may not
            return status;
        };
        BOOST_TEST(test::in_a_process(body) == 0);
    }
}
