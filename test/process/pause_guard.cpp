// SPDX-License-Identifier: BSL-1.0
#include <vmio/pause_guard.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include <elf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>

#include "faults/faults.hpp"
#include "processes/child.hpp"
#include "processes/exec_loop_process.hpp"
#include "support/kernel_features.hpp"
#include "support/skip.hpp"

using vmio::memory_error;
using vmio::pause_guard;
using vmio::process;

namespace {

constexpr int thread_count = 4;

/// A process whose threads count as fast as they can, each in a word that we share with it.
class counting_process {
public:
    counting_process()
        : words_(static_cast<std::atomic<unsigned long>*>(
              ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))),
          child_([this] {
              for (int i = 0; i < thread_count; ++i) std::thread([this, i] { count(i); }).detach();
          }) {}
    ~counting_process() { ::munmap(words_, 4096); }

    pid_t id() const { return child_.id(); }
    test::child_process& child() { return child_; }

    /// Whether every thread makes progress: waits until each has.
    void wait_until_counting() const {
        for (int i = 0; i < thread_count; ++i)
            for (const unsigned long before = words_[i]; words_[i] == before;) std::this_thread::yield();
    }
    unsigned long sum() const {
        unsigned long s = 0;
        for (int i = 0; i < thread_count; ++i) s += words_[i];
        return s;
    }
    /// None of them moves while we have the processors for ourselves for a while.
    bool stands_still() const {
        const unsigned long before = sum();
        for (int i = 0; i < 100; ++i) std::this_thread::yield();
        return sum() == before;
    }

private:
    [[noreturn]] void count(int i) {
        for (;;) {
            ++words_[i];
            std::this_thread::yield();
        }
    }

    std::atomic<unsigned long>* words_;
    test::child_process child_;
};

/// The state letters of all threads.
std::set<char> states(pid_t id) {
    std::set<char> letters;
    std::ifstream status;
    const std::string stat = "/proc/" + std::to_string(id) + "/stat";
    std::string text;
    std::getline(std::ifstream(stat), text);
    letters.insert(text[text.rfind(')') + 2]);
    return letters;
}

void wait_for_state(pid_t id, char letter) {
    while (!states(id).contains(letter)) std::this_thread::yield();
}

int error_of_pausing(const process& target) {
    try {
        const pause_guard guard(target);
        return 0;
    } catch (const memory_error& e) {
        BOOST_TEST(e.operation() == std::string("pause"));
        return e.code().value();
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_thread_is_stopped_until_the_guard_is_destroyed) {
    counting_process target;
    target.wait_until_counting();
    {
        const pause_guard guard{process(target.id())};
        BOOST_TEST(guard.threads().size() >= thread_count + 1u);  // a sanitizer has its own
        BOOST_TEST(target.stands_still());
    }
    target.wait_until_counting();
    pause_guard guard{process(target.id())};
    BOOST_TEST(target.stands_still());
    guard.resume();
    target.wait_until_counting();
    guard.resume();
}

BOOST_AUTO_TEST_CASE(pausing_again_and_again_does_no_harm) {
    counting_process target;
    const process handle(target.id());
    for (int i = 0; i < 100; ++i) const pause_guard guard(handle);
    target.wait_until_counting();
}

BOOST_AUTO_TEST_CASE(a_guard_may_be_moved_and_destroyed_by_another_thread) {
    counting_process target;
    std::optional<pause_guard> guard;
    std::thread([&] { guard.emplace(process(target.id())); }).join();
    BOOST_TEST(target.stands_still());
    pause_guard moved = std::move(*guard);
    guard.reset();
    BOOST_TEST(target.stands_still());
    std::thread([&] { const pause_guard last = std::move(moved); }).join();
    target.wait_until_counting();
    counting_process another;
    pause_guard kept{process(target.id())};
    kept = pause_guard(process(another.id()));
    target.wait_until_counting();
    BOOST_TEST(another.stands_still());
}

BOOST_AUTO_TEST_CASE(a_target_that_was_stopped_before_stays_stopped_after) {
    counting_process target;
    target.wait_until_counting();
    BOOST_REQUIRE(::kill(target.id(), SIGSTOP) == 0);
    wait_for_state(target.id(), 'T');
    {
        const pause_guard guard{process(target.id())};
        BOOST_TEST(target.stands_still());
    }
    wait_for_state(target.id(), 'T');
    BOOST_TEST(target.stands_still());
    BOOST_REQUIRE(::kill(target.id(), SIGCONT) == 0);
    target.wait_until_counting();
}

BOOST_AUTO_TEST_CASE(a_signal_that_arrives_meanwhile_is_delivered_after) {
    static std::atomic<int>* const seen = static_cast<std::atomic<int>*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    test::child_process child([] { ::signal(SIGUSR1, [](int) { ++*seen; }); });
    for (int round = 1; round <= 50; ++round) {
        if (round % 2 == 0) BOOST_REQUIRE(::kill(child.id(), SIGUSR1) == 0);  // or just before the pause
        {
            const pause_guard guard{process(child.id())};
            if (round % 2 == 1) BOOST_REQUIRE(::kill(child.id(), SIGUSR1) == 0);
        }
        while (*seen != round) std::this_thread::yield();
    }
}

BOOST_AUTO_TEST_CASE(a_signal_in_a_storm_of_them_is_not_lost) {
    static std::atomic<long>* const seen = static_cast<std::atomic<long>*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    test::child_process child([] { ::signal(SIGRTMIN, [](int) { ++*seen; }); });
    std::atomic<bool> over = false;
    long sent = 0;
    std::thread storm([&] {
        while (!over)
            if (::sigqueue(child.id(), SIGRTMIN, {}) == 0) ++sent;
    });
    for (int i = 0; i < 300; ++i) const pause_guard guard{process(child.id())};
    over = true;
    storm.join();
    while (*seen != sent) std::this_thread::yield();
}

BOOST_AUTO_TEST_CASE(a_target_runs_again_when_the_guards_process_is_killed) {
    counting_process target;
    target.wait_until_counting();
    int told[2];
    BOOST_REQUIRE(::pipe(told) == 0);
    const pid_t guard = ::fork();
    if (guard == 0) {
        const pause_guard pausing{process(target.id())};
        test::must(::write(told[1], "", 1) == 1, "write");
        for (;;) ::pause();
    }
    char byte;
    BOOST_REQUIRE(::read(told[0], &byte, 1) == 1);
    BOOST_TEST(target.stands_still());
    BOOST_REQUIRE(::kill(guard, SIGKILL) == 0);
    BOOST_REQUIRE(::waitpid(guard, nullptr, 0) == guard);
    target.wait_until_counting();
    ::close(told[0]);
    ::close(told[1]);
}

BOOST_AUTO_TEST_CASE(a_target_that_ends_meanwhile_is_no_error_and_stays_its_parents_to_wait_for) {
    counting_process target;
    {
        const pause_guard guard{process(target.id())};
        target.child().end();  // kills, and waits: the status is there for us
    }
    BOOST_TEST(error_of_pausing(process::self()) == EINVAL);
}

BOOST_AUTO_TEST_CASE(a_thread_of_this_process_cannot_be_paused,
                     *boost::unit_test::precondition(test::has_thread_pidfds)) {
    std::atomic<pid_t> id = 0;
    std::thread other([&] {
        id = ::gettid();
        id.notify_one();
        id.wait(::gettid());
    });
    id.wait(0);
    BOOST_TEST(error_of_pausing(process(id)) == EINVAL);
    id = 0;
    id.notify_one();
    other.join();
}

BOOST_AUTO_TEST_CASE(a_target_that_is_killed_while_it_is_being_paused_is_over) {
    for (int i = 0; i < 200; ++i) {
        test::child_process child;
        const process target(child.id());
        std::thread killer([&] {
            for (std::atomic<int> later = 0; later < 100 * i;) ++later;
            child.kill();
        });
        try {
            const pause_guard guard(target);
        } catch (const memory_error& e) {
            BOOST_TEST((e.code() == vmio::errc::no_such_process));
        }
        killer.join();
        BOOST_TEST(!target.alive());
    }
}

BOOST_AUTO_TEST_CASE(a_target_that_cannot_be_paused_is_an_error) {
    test::child_process child;
    const process target(child.id());
    {
        const pause_guard guard(target);
        BOOST_TEST(error_of_pausing(target) == EPERM);  // one tracer only
    }
    BOOST_TEST(error_of_pausing(target) == 0);
    child.end();
    BOOST_TEST(error_of_pausing(target) == ESRCH);
}

BOOST_AUTO_TEST_CASE(another_users_process_is_not_paused, *boost::unit_test::precondition(test::as_root)) {
    test::child_process child;
    BOOST_TEST(test::as_nobody([&] {
                   try {
                       const pause_guard guard{process(child.id())};
                   } catch (const memory_error& e) {
                       return e.code() == vmio::errc::permission_denied ? 0 : 2;
                   }
                   return 1;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_wait_elsewhere_takes_nothing_that_the_guard_needs) {
    counting_process target;
    const process handle(target.id());
    std::atomic<bool> over{false};
    std::thread waiter([&] {
        // As a harness does that waits for its child while another thread looks at it.
        int status = 0;
        while (::waitpid(target.id(), &status, 0) > 0 && !WIFSIGNALED(status)) {
        }
        over = true;
    });
    for (int i = 0; i < 50; ++i) {
        const pause_guard guard(handle);
        BOOST_TEST(!over);
    }
    ::kill(target.id(), SIGKILL);
    waiter.join();
    target.child().forget();
}

BOOST_AUTO_TEST_CASE(threads_that_come_and_go_are_all_stopped) {
    // Each thread starts the next and ends, so there is one to miss at any moment.
    struct shared {
        std::atomic<unsigned long> started{0};
    };
    auto* const seen = new (::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) shared;
    static shared* counter;
    counter = seen;
    struct chain {
        static void next() {
            ++counter->started;
            std::thread(next).detach();
        }
    };
    test::child_process child([] { std::thread(chain::next).detach(); });
    const process target(child.id());
    for (int i = 0; i < 30; ++i) {
        const pause_guard guard(target);
        const unsigned long before = seen->started;
        for (int k = 0; k < 20; ++k) std::this_thread::yield();
        BOOST_TEST(seen->started == before);
    }
    const unsigned long before = seen->started;
    while (seen->started == before) std::this_thread::yield();
    {
        const pause_guard guard(target);
        child.end();  // killed and waited for, however many of its threads were seized as they ended
    }
    ::munmap(seen, 4096);
}

BOOST_AUTO_TEST_CASE(a_target_that_calls_exec_meanwhile_is_paused_before_or_after) {
    for (const char* caller : {"leader", "thread"}) {
        test::exec_loop_process target(VMIO_EXEC_LOOP, caller);
        const process handle(target.id());
        target.begin();
        for (int i = 0; i < 50; ++i) BOOST_TEST(error_of_pausing(handle) == 0);
        BOOST_TEST(handle.alive());
    }
}

BOOST_AUTO_TEST_CASE(a_pause_without_descriptors_is_an_error_and_does_not_hang) {
    auto* const lives = new (::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
        std::atomic<unsigned long>(0);
    const test::child_process child([=] {
        for (int i = 0; i < 4; ++i)
            std::thread([=] {
                for (;; ++*lives) std::thread([] { std::this_thread::yield(); }).join();
            }).detach();
    });
    BOOST_TEST(test::in_a_process([&] {
                   const process target(child.id());
                   test::prepare_faults(test::fault::descriptor);
                   for (std::size_t i = 0; i < 200; ++i) {
                       test::set_fault(1 + i % 5, test::fault_length::lasting);
                       const int error = test::with_faults([&] { return error_of_pausing(target); });
                       if (error != 0 && error != EMFILE) return error;
                   }
                   return 0;
               }) == 0);
    const unsigned long before = *lives;
    while (*lives < before + 100) std::this_thread::yield();
    ::munmap(lives, 4096);
}

BOOST_AUTO_TEST_CASE(a_fork_of_the_process_leaves_the_guard_alone) {
    counting_process target;
    std::optional<pause_guard> guard;
    guard.emplace(process(target.id()));
    const test::child_process second;
    pause_guard another{process(second.id())};
    BOOST_TEST(test::in_a_process([&] {
                   guard->resume();
                   *guard = std::move(another);
                   guard.reset();
                   return 0;
               }) == 0);
    BOOST_TEST(target.stands_still());
    guard.reset();
    target.wait_until_counting();
}

BOOST_AUTO_TEST_CASE(the_registers_of_every_stopped_thread_can_be_read) {
    counting_process target;
    target.wait_until_counting();
    pause_guard guard{process(target.id())};
    const auto all = guard.registers();
    BOOST_REQUIRE(all.size() == guard.threads().size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        BOOST_TEST(all[i].id == guard.threads()[i]);
        BOOST_TEST(all[i].get<user_regs_struct>(NT_PRSTATUS).has_value());
        BOOST_TEST(!all[i].get<char>(NT_PRSTATUS).has_value());
        BOOST_TEST(!all[i].bytes(NT_PRFPREG).empty());
        BOOST_TEST(all[i].bytes(0x1234567).empty());
    }
    const std::uint32_t one[]{NT_PRSTATUS, 0x1234567};
    for (int t = 0; t < 3; ++t) std::thread([&] { BOOST_TEST(guard.registers(one).size() == all.size()); }).join();
    BOOST_TEST(guard.registers(one).front().sets.size() == 1u);
    BOOST_TEST((guard.registers(one).front().bytes(NT_PRSTATUS).size() == sizeof(user_regs_struct)));
    BOOST_TEST(target.stands_still());
    guard.resume();
    BOOST_TEST(guard.registers().empty());
    target.wait_until_counting();
}

BOOST_AUTO_TEST_CASE(a_target_that_was_killed_has_no_registers) {
    counting_process target;
    pause_guard guard{process(target.id())};
    target.child().kill();
    for (int i = 0; i < 50; ++i) BOOST_TEST(guard.registers().empty());
}
