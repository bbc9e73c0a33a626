// SPDX-License-Identifier: BSL-1.0
#include "freeze/frozen_copy.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/process_memory.hpp>

#include "processes/child.hpp"
#include "processes/numbering_process.hpp"
#include "processes/stepped_process.hpp"
#include "support/mapped.hpp"
#include "support/maps.hpp"
#include "support/pages.hpp"
#include "support/skip.hpp"

#ifdef VMIO_HAS_SIGNAL_FRAMES

using test::pages;
using test::stepped_process;
using vmio::pause_guard;
using vmio::process;
using vmio::process_memory;
using vmio::detail::frozen_copy;

namespace {

/// A frozen copy of a process that runs.
frozen_copy frozen(pid_t id) {
    const process target(id);
    pause_guard pause(target, test::no_limits);
    return {target, std::move(pause), test::no_limits};
}

/// The children of all threads of a process, and their states.
std::string children_of(pid_t id) {
    std::string all;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(id) + "/task")) {
        std::string children;
        std::getline(std::ifstream(thread.path() / "children"), children);
        all += children;
    }
    return all;
}

std::string program_of(pid_t id) {
    std::string name;
    std::getline(std::ifstream("/proc/" + std::to_string(id) + "/comm"), name);
    return name;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(frozen_copy_)

BOOST_AUTO_TEST_CASE(a_copy_keeps_the_memory_of_its_moment_while_the_target_writes_it) {
    const pages area(8);
    stepped_process target(
        [&](int page) { area.data()[static_cast<std::size_t>(page) * vmio::page_size()] = std::byte{1}; });
    frozen_copy copy = frozen(target.id());
    copy.release();
    for (int page = 0; page < 8; ++page) target.step(page);
    BOOST_TEST(test::is_pattern(area.start(), test::peek(copy.copy().id(), area.start(), area.size())));
    BOOST_TEST(!test::is_pattern(area.start(), test::peek(target.id(), area.start(), area.size())));
    BOOST_TEST(copy.end().count() > 0);
}

BOOST_AUTO_TEST_CASE(a_copy_is_of_one_moment_of_all_threads) {
    const test::numbering_process target(8, 4);
    std::vector<unsigned long> words;
    const auto blocks = target.blocks(words, 8);
    for (int i = 0; i < 20; ++i) {
        frozen_copy copy = frozen(target.id());
        copy.release();
        process_memory(copy.copy()).read_blocks(blocks);
        const std::vector<unsigned long> first = words;
        BOOST_TEST(target.is_one_moment(words));
        process_memory(copy.copy()).read_blocks(blocks);
        BOOST_TEST(words == first, boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(nothing_of_what_made_a_copy_is_in_its_memory) {
    const stepped_process target([](int) {});
    target.wait_until_idle();
    const vmio::address_range range = test::mapping_named(target.id(), "[stack]");
    BOOST_TEST_REQUIRE(!range.empty());
    const std::vector<std::byte> bytes = test::peek(target.id(), range.start(), range.size());
    frozen_copy copy = frozen(target.id());
    copy.release();
    BOOST_TEST((test::peek(copy.copy().id(), range.start(), range.size()) == bytes));
}

BOOST_AUTO_TEST_CASE(a_target_sees_no_child_no_signal_and_no_descriptor) {
    struct seen {
        std::atomic<int> signals, wait_error, descriptors;
    };
    static seen* const counted = test::shared<seen>();
    stepped_process target([&](int) {
        struct sigaction action {};
        action.sa_handler = [](int) { ++counted->signals; };
        ::sigaction(SIGCHLD, &action, nullptr);
        counted->wait_error = ::waitpid(-1, nullptr, WNOHANG) == -1 ? errno : 0;
        counted->descriptors =
            static_cast<int>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
    });
    target.step();
    const int descriptors = counted->descriptors;
    {
        frozen_copy copy = frozen(target.id());
        copy.release();
        BOOST_TEST(!children_of(target.id()).empty());
        target.step();
        BOOST_TEST(counted->wait_error == ECHILD);
        BOOST_TEST(counted->descriptors == descriptors);
    }
    BOOST_TEST(children_of(target.id()) == "");
    target.step();
    BOOST_TEST(counted->signals == 0);
    BOOST_TEST(counted->wait_error == ECHILD);
    BOOST_TEST(counted->descriptors == descriptors);
}

BOOST_AUTO_TEST_CASE(a_copy_outlives_its_target) {
    const pages area(2);
    std::optional<test::child_process> target(std::in_place);
    frozen_copy copy = frozen(target->id());
    copy.release();
    target.reset();
    BOOST_TEST(test::is_pattern(area.start(), test::peek(copy.copy().id(), area.start(), area.size())));
    const process the_copy = copy.copy();
    copy.end();
    BOOST_TEST(!the_copy.alive());
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_target_that_calls_exec_is_kept_and_taken_by_the_new_program) {
    const pages area(2);
    stepped_process target([&](int) { ::execl("/bin/sleep", "sleep", "1000", nullptr); });
    frozen_copy copy = frozen(target.id());
    copy.release();
    target.begin(0);
    while (program_of(target.id()) != "sleep") {
    }
    BOOST_TEST(test::is_pattern(area.start(), test::peek(copy.copy().id(), area.start(), area.size())));
    copy.end();
    BOOST_TEST(children_of(target.id()) == "");
}

BOOST_AUTO_TEST_CASE(a_pause_stays_with_the_caller_if_no_copy_can_be_made,
                     *boost::unit_test::precondition(test::as_root)) {
    const test::child_process child([] {
        rlimit none{};
        test::must(::setrlimit(RLIMIT_NPROC, &none) == 0 && ::setgid(65534) == 0 && ::setuid(65534) == 0, "setuid");
    });
    const process target(child.id());
    pause_guard pause(target);
    BOOST_CHECK_EXCEPTION(
        frozen_copy(target, std::move(pause), {}), vmio::memory_error, [](const vmio::memory_error& e) {
            return e.code().value() == EAGAIN && std::string(e.what()).find("RLIMIT_NPROC") != std::string::npos;
        });
    BOOST_TEST(pause.holds());
    pause.resume();
    BOOST_TEST(children_of(child.id()) == "");
}

BOOST_AUTO_TEST_SUITE_END()

#endif
