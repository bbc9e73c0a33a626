// SPDX-License-Identifier: BSL-1.0
#include <vmio/process_facts.hpp>

#include <algorithm>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/child_process.hpp>

#include "support/error_of.hpp"

using vmio::child_process;
using vmio::process;
using words = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(process_facts)

BOOST_AUTO_TEST_CASE(arguments_and_environment_are_those_of_the_start) {
    const words command{"sh", "-c", "echo ready; read x", "", "two words", "line\nfeed", ""};
    child_process child(command, {.environment = {"VMIO_FACT=a=b", "VMIO_EMPTY="}});
    child.wait_for_line("ready");
    BOOST_TEST(vmio::arguments_of(child.target()) == command, boost::test_tools::per_element());
    const words environment = vmio::environment_of(child.target());
    for (const char* const variable : {"VMIO_FACT=a=b", "VMIO_EMPTY="})
        BOOST_TEST(std::count(environment.begin(), environment.end(), variable) == 1);
    const std::string program = vmio::executable_of(child.target());
    BOOST_TEST(program.starts_with('/'));
    BOOST_TEST(program.ends_with("sh"));
    child_process long_one({"sh", "-c", "echo ready; read x", std::string(100000, 'x')});
    long_one.wait_for_line("ready");
    BOOST_TEST(vmio::arguments_of(long_one.target()).back().size() == 100000u);
}

BOOST_AUTO_TEST_CASE(the_auxiliary_vector_is_what_the_program_has_got) {
    const auto all = vmio::auxiliary_vector_of(process::self());
    BOOST_TEST(all.size() > 10u);
    for (const unsigned long type : {AT_PAGESZ, AT_ENTRY, AT_PHDR, AT_UID}) {
        const auto entry = std::find_if(all.begin(), all.end(), [&](const auto& e) { return e.type == type; });
        BOOST_TEST_REQUIRE((entry != all.end()));
        BOOST_TEST(entry->value == ::getauxval(type));
    }
    BOOST_TEST(std::none_of(all.begin(), all.end(), [](const auto& e) { return e.type == AT_NULL; }));
}

BOOST_AUTO_TEST_CASE(threads_have_names_and_states) {
    child_process child([] {
        std::thread other([] {
            ::pthread_setname_np(::pthread_self(), "an other one");
            std::puts("ready");
            std::fflush(stdout);
            ::pause();
        });
        ::prctl(PR_SET_NAME, "the first");
        other.join();
        return 0;
    });
    child.wait_for_line("ready");
    child.stop();
    const auto threads = vmio::threads_of(child.target());
    BOOST_TEST_REQUIRE(threads.size() == 2u);
    BOOST_TEST(threads[0].id == child.id());
    BOOST_TEST(threads[1].name == "an other one");
    for (const auto& thread : threads) BOOST_TEST(thread.state == 'T');
}

BOOST_AUTO_TEST_CASE(limits_are_those_of_getrlimit) {
    rlimit files{};
    BOOST_TEST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
    const auto limits = vmio::limits_of(process::self());
    const auto found =
        std::find_if(limits.begin(), limits.end(), [](const auto& l) { return l.name == "Max open files"; });
    BOOST_TEST_REQUIRE((found != limits.end()));
    BOOST_TEST(found->soft == files.rlim_cur);
    BOOST_TEST(found->hard == files.rlim_max);
    BOOST_TEST(found->unit == "files");
    child_process child([] {
        const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
        ::setrlimit(RLIMIT_CPU, &none);
        std::puts("ready");
        std::fflush(stdout);
        return std::getchar();
    });
    child.wait_for_line("ready");
    BOOST_TEST(vmio::limits_of(child.target()).front().soft == vmio::resource_limit::unlimited);
    BOOST_TEST(vmio::limits_of(child.target()).front().unit == "seconds");
}

BOOST_AUTO_TEST_CASE(processes_are_found_by_the_name_of_their_program) {
    const std::string name = "vmio find " + std::to_string(::getpid());
    const auto named = [&] {
        ::prctl(PR_SET_NAME, name.c_str());
        std::puts("ready");
        std::fflush(stdout);
        return std::getchar();
    };
    BOOST_TEST(process::find(name).empty());
    child_process one(named), other(named);
    one.wait_for_line("ready");
    other.wait_for_line("ready");
    const auto found = process::find(name);
    BOOST_TEST_REQUIRE(found.size() == 2u);
    BOOST_TEST((std::min(found[0].id(), found[1].id()) == std::min(one.id(), other.id())));
    other.signal(SIGKILL);
    other.wait();
    BOOST_TEST(process::find(name).size() == 1u);
}

BOOST_AUTO_TEST_CASE(of_a_process_that_has_ended_nothing_is_told) {
    child_process child({"sleep", "1000"});
    const process target = child.target();
    child.signal(SIGKILL);
    child.wait();
    BOOST_TEST(test::error_of([&] { vmio::arguments_of(target); }) == ESRCH);
    BOOST_TEST(test::error_of([&] { vmio::environment_of(target); }) == ESRCH);
    BOOST_TEST(test::error_of([&] { vmio::executable_of(target); }) == ESRCH);
    BOOST_TEST(test::error_of([&] { vmio::auxiliary_vector_of(target); }) == ESRCH);
    BOOST_TEST(test::error_of([&] { vmio::threads_of(target); }) == ESRCH);
    BOOST_TEST(test::error_of([&] { vmio::limits_of(target); }) == ESRCH);
}

BOOST_AUTO_TEST_SUITE_END()
