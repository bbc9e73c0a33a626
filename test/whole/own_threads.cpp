// SPDX-License-Identifier: BSL-1.0
/// The threads that the library starts: no signal handler runs on them, and fewer of them do where memory is short.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/block_scanner.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/search.hpp>

#include "faults/faults.hpp"
#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/sanitized.hpp"

using vmio::address;
using vmio::process;
using vmio::process_memory;

namespace {

std::atomic<pid_t> main_thread;
std::atomic<long> handled;
std::atomic<long> handled_elsewhere;

void note_thread(int) {
    ++handled;
    if (::syscall(SYS_gettid) != main_thread) ++handled_elsewhere;
}

/// Whether a thread of the library could run a handler.
bool receives_signals() {
    sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    for (const int number : {SIGUSR1, SIGTERM, SIGCHLD, SIGSEGV, SIGPROF, SIGRTMIN, SIGRTMAX})
        if (::sigismember(&blocked, number) == 0) return true;
    return false;
}

/// A text at the start of every tenth page, and a pattern of it that no program holds elsewhere.
struct haystack {
    static constexpr std::size_t pages = 8192;

    test::mapped memory{pages};
    std::string text = std::string("found by ") + "whole/own_threads";
    std::vector<address> places;

    haystack() {
        for (std::size_t i = 0; i < pages; ++i) memory.write(i, 'x');
        for (std::size_t i = 0; i < pages; i += 10) {
            text.copy(memory.data(i), text.size());
            places.push_back(memory.page(i));
        }
    }
    vmio::search_options options(unsigned threads) const {
        vmio::search_options options;
        options.regions.within = memory.range();
        options.threads = threads;
        return options;
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(every_thread_of_the_library_has_all_signals_blocked) {
    const haystack hay;
    const test::child_process child;
    const process_memory memory(process(child.id()), {.threads = 4});
    const pid_t ours = ::gettid();
    std::mutex mutex;
    std::set<pid_t> seen;
    std::set<pid_t> exposed;
    const auto look = [&] {
        const std::lock_guard lock(mutex);
        const pid_t id = ::gettid();
        seen.insert(id);
        if (receives_signals() && id != ours) exposed.insert(id);
    };

    vmio::search_options options = hay.options(4);
    options.regions.wanted = [&](const vmio::mapping&) {
        look();
        return true;
    };
    BOOST_TEST(vmio::search(memory, vmio::byte_pattern::text(hay.text), options) == hay.places);
    BOOST_TEST(seen.size() > 1u);
    BOOST_TEST(exposed.empty());

    seen.clear();
    const std::vector<vmio::memory_block> blocks(40000, vmio::memory_block{hay.memory.start(), 8});
    std::vector<vmio::memory_block> apart;
    for (std::size_t i = 0; i < 40000; ++i) apart.push_back({hay.memory.start() + i * 512, 8});
    const auto move = [&](std::span<const vmio::remote_block> wanted, std::span<vmio::block_transfer> results) {
        look();
        memory.read_blocks(wanted, results);
    };
    const vmio::block_scan scan = vmio::detail::scan_blocks_by(apart, 64, move, vmio::page_size(), 4);
    BOOST_TEST(scan.size() == apart.size());
    BOOST_TEST(seen.size() > 1u);
    BOOST_TEST(exposed.empty());
    BOOST_TEST(receives_signals());  // ours are as they were
}

BOOST_AUTO_TEST_CASE(handlers_of_the_program_run_on_its_own_threads_only) {
    const haystack hay;
    const test::child_process child;
    const process_memory memory(process(child.id()), {.threads = 4});
    main_thread = ::gettid();
    struct sigaction action {};
    action.sa_handler = note_thread;
    action.sa_flags = SA_RESTART;
    for (const int number : {SIGUSR1, SIGUSR2}) ::sigaction(number, &action, nullptr);
    const pid_t parent = ::getpid();
    const test::child_process storm([&] {
        std::thread([parent] {
            for (;;) {
                ::kill(parent, SIGUSR1);
                ::kill(parent, SIGUSR2);
                std::this_thread::yield();
            }
        }).detach();
    });
    std::vector<std::byte> bytes(hay.memory.size());
    std::vector<vmio::memory_block> blocks;
    for (std::size_t i = 0; i < 20000; ++i) blocks.push_back({hay.memory.start() + i * 512, 8});
    for (int i = 0; i < 100; ++i) {
        const vmio::pause_guard guard(memory.target());
        memory.read(hay.memory.start(), bytes);
        vmio::scan_blocks(memory, blocks);
        if (i % 10 == 0) vmio::search(memory, vmio::byte_pattern::text(hay.text), hay.options(4));
    }
    BOOST_TEST(handled > 0);
    BOOST_TEST(handled_elsewhere == 0);
    for (const int number : {SIGUSR1, SIGUSR2}) ::signal(number, SIG_IGN);
}

#ifndef VMIO_TEST_SANITIZED

BOOST_AUTO_TEST_CASE(a_search_goes_on_with_fewer_threads_where_address_space_is_short) {
    const haystack hay;
    const test::child_process child;
    const process_memory memory{process(child.id())};
    const auto pattern = vmio::byte_pattern::text(hay.text);
    // From no room for a thread's stack, over room for the stack of one but not for its buffers, to room for some.
    rlimit stack{};
    ::getrlimit(RLIMIT_STACK, &stack);
    const rlim_t a_stack = stack.rlim_cur == RLIM_INFINITY ? rlim_t{2} << 20 : stack.rlim_cur;
    std::vector<rlim_t> sizes{rlim_t{4} << 20, 3 * a_stack, 8 * a_stack};
    for (rlim_t i = 1; i <= 24; ++i) sizes.push_back(a_stack + (i << 16));
    for (const rlim_t size : sizes)
        BOOST_TEST(test::in_a_process([&] {
                       std::ifstream statm("/proc/self/statm");
                       rlim_t used = 0;
                       statm >> used;
                       used *= vmio::page_size();
                       const rlimit limit{used + size, RLIM_INFINITY};
                       ::setrlimit(RLIMIT_AS, &limit);
                       return vmio::search(memory, pattern, hay.options(8)) == hay.places ? 0 : 1;
                   }) == 0,
                   size << " bytes");
}

#endif

BOOST_AUTO_TEST_CASE(a_thread_without_memory_gives_its_part_of_the_search_to_others) {
    const haystack hay;
    const test::child_process child;
    const process_memory memory{process(child.id())};
    const auto pattern = vmio::byte_pattern::text(hay.text);
    const auto whole = vmio::search(
        memory, pattern, [](address) { return true; }, hay.options(1));
    BOOST_TEST(whole.matches == hay.places.size());
    BOOST_TEST(test::in_a_process([&] {
                   test::prepare_faults(test::fault::allocation);
                   std::size_t found_all = 0;
                   for (std::size_t k = 0; k < 400; ++k) {
                       std::vector<address> places;
                       places.reserve(2 * hay.places.size());
                       vmio::search_summary summary;
                       const auto options = hay.options(4);
                       test::set_fault(k, test::fault_length::once);
                       try {
                           test::with_faults([&] {
                               summary = vmio::search(
                                   memory, pattern,
                                   [&](address at) {
                                       places.push_back(at);
                                       return true;
                                   },
                                   options);
                           });
                       } catch (const std::bad_alloc&) {
                           continue;  // the list of mappings, or the like, had none
                       }
                       if (!test::fault_happened()) break;
                       std::sort(places.begin(), places.end());
                       if (places != hay.places || summary != whole) return 1;
                       ++found_all;
                   }
                   return found_all > 20 ? 0 : 2;
               }) == 0);
}
