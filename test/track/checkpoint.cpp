// SPDX-License-Identifier: BSL-1.0
#include <vmio/checkpoint.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/snapshot_diff.hpp>

#include "processes/child.hpp"
#include "processes/stepped_process.hpp"
#include "support/error_of.hpp"
#include "support/kernel_features.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"

using test::mapped;
using test::pages;
using test::peek;
using test::stepped_process;
using vmio::address_range;
using vmio::checkpoint;
using vmio::process;
using vmio::restore_result;

namespace {

bool holds_pattern(pid_t id, const pages& area) {
    return test::is_pattern(area.start(), peek(id, area.start(), area.size()));
}

/// How many of this process's descriptors are memfds.
std::size_t memory_files() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code ec;
        count += std::filesystem::read_symlink(entry, ec).string().starts_with("/memfd:") ? 1 : 0;
    }
    return count;
}

vmio::checkpoint_options only(const address_range& range) {
    return {.ranges = {range}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_, *boost::unit_test::precondition(test::can_write_protect))

BOOST_AUTO_TEST_CASE(a_restore_puts_back_what_was_written_and_nothing_else) {
    const pages area(64);
    stepped_process target(
        [&](int page) { area.data()[static_cast<std::size_t>(page) * vmio::page_size() + 7] ^= std::byte{1}; });
    checkpoint point(process(target.id()), only(area.range()));
    BOOST_TEST((point.base().ranges().front() == area.range()));
    BOOST_TEST(point.base().paused());
    BOOST_TEST(point.changed().empty());
    BOOST_TEST(point.restore().written == 0u);
    for (const int page : {3, 4, 60}) target.step(page);
    const std::vector<address_range> expected{{area.page(3), area.page(5)}, {area.page(60), area.page(61)}};
    BOOST_TEST((point.changed() == expected));
    BOOST_TEST(!holds_pattern(target.id(), area));
    const restore_result result = point.restore();
    BOOST_TEST(result.written == 3 * vmio::page_size());
    BOOST_TEST(result.failed.empty());
    BOOST_TEST(holds_pattern(target.id(), area));
    BOOST_TEST(point.changed().empty());
    BOOST_TEST(point.restore().written == 0u);
    target.step(3);
    checkpoint moved = std::move(point);
    BOOST_TEST(moved.restore().written == vmio::page_size());
    BOOST_TEST(holds_pattern(target.id(), area));
}

BOOST_AUTO_TEST_CASE(a_target_is_put_back_after_every_of_many_random_rounds) {
    const pages area(300);
    std::mt19937 random(1);
    stepped_process target([&](int) {
        for (std::size_t n = random() % 100; n > 0; --n) area.data()[random() % area.size()] = std::byte{1};
        const std::size_t page = random() % 300;
        if (random() % 4 == 0) ::madvise(area.data() + page * vmio::page_size(), vmio::page_size(), MADV_DONTNEED);
        // The generator is put back, too, but for its seed of this round.
        static std::atomic<unsigned>* const rounds = [] {
            return static_cast<std::atomic<unsigned>*>(
                ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        }();
        random.seed(++*rounds);
    });
    checkpoint point(process(target.id()), only(area.range()));
    for (int round = 0; round < 50; ++round) {
        target.step();
        BOOST_TEST(point.restore().failed.empty());
        BOOST_TEST_REQUIRE(holds_pattern(target.id(), area));
    }
}

BOOST_AUTO_TEST_CASE(a_program_goes_on_from_its_restored_memory) {
    // Its containers, and what the C library knows of its memory.
    std::map<int, std::string> names;
    for (int i = 0; i < 1000; ++i) names[i] = std::string(static_cast<std::size_t>(i % 100), 'a');
    auto* const verdict = static_cast<std::atomic<int>*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    stepped_process target([&](int n) {
        if (n == 0) {
            for (int i = 0; i < 20000; ++i) names[i % 3000] += std::to_string(i);
            for (int i = 0; i < 500; ++i) names.erase(i);
        } else {
            bool same = names.size() == 1000;
            for (const auto& [i, name] : names)
                same = same && name == std::string(static_cast<std::size_t>(i % 100), 'a');
            *verdict += same ? 1 : 1000;
        }
    });
    target.step(1);
    target.wait_until_idle();
    checkpoint point(target.id());
    for (int round = 0; round < 20; ++round) {
        target.step(0);
        target.wait_until_idle();
        BOOST_TEST(point.restore().failed.empty());
        target.step(1);
    }
    BOOST_TEST(*verdict == 21);
    ::munmap(verdict, 4096);
}

BOOST_AUTO_TEST_CASE(threads_that_run_are_put_back_to_one_moment) {
    // Each writes two words in turn, which never differ by more than one; restored bytes of two moments would.
    using word = std::atomic<unsigned long>;
    const mapped area(8);
    test::child_process target([&] {
        for (std::size_t t = 0; t < 4; ++t)
            std::thread([&area, t] {
                auto* const first = reinterpret_cast<word*>(area.data(2 * t));
                auto* const second = reinterpret_cast<word*>(area.data(2 * t + 1));
                for (;; ::sched_yield()) {
                    first->store(second->load() + 1);
                    second->store(first->load());
                }
            }).detach();
    });
    const auto word_at = [&](const auto& from, std::size_t page) {
        return from.template read_value<unsigned long>(area.page(page));
    };
    const vmio::process_memory memory{process(target.id())};
    for (const std::size_t page : {1u, 3u, 5u, 7u})
        while (word_at(memory, page) == 0) ::sched_yield();
    checkpoint point(process(target.id()), {.ranges = {area.range()}, .pause_limits = test::no_limits});
    for (int round = 0; round < 20; ++round) {
        unsigned long before[4];
        for (std::size_t t = 0; t < 4; ++t) {
            before[t] = word_at(memory, 2 * t + 1);
            while (word_at(memory, 2 * t + 1) < before[t] + 20) ::sched_yield();
        }
        BOOST_TEST(point.restore().failed.empty());
        for (std::size_t t = 0; t < 4; ++t)
            BOOST_TEST(word_at(point.base(), 2 * t) - word_at(point.base(), 2 * t + 1) <= 1u);
        while (point.changed().empty()) ::sched_yield();
    }
}

BOOST_AUTO_TEST_CASE(a_thread_goes_on_from_its_restored_registers) {
    // It counts a variable of its own up to a limit, in memory that is not restored.
    auto* const counts = static_cast<std::atomic<unsigned long>*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    auto& reached = counts[0];
    auto& limit = counts[1];
    auto& steps = counts[2];
    limit = 5;
    test::child_process target([&] {
        std::thread([&] {
            for (unsigned long n = 1;; ++n) {
                ++steps;
                reached = n;
                while (n >= limit) ::sched_yield();
            }
        }).detach();
    });
    const auto wait_for = [&](unsigned long n) {
        while (reached != n) ::sched_yield();
    };
    wait_for(5);
    checkpoint point(process(target.id()), {.registers = true, .pause_limits = test::no_limits});
    limit = 1000;
    wait_for(1000);
    const restore_result result = point.restore();
    BOOST_TEST(result.same_threads);
    BOOST_TEST(result.failed.empty());
    limit = 2000;
    wait_for(2000);
    BOOST_TEST(steps == 1000 + 2000 - 5ul);
    ::munmap(counts, 4096);
}

BOOST_AUTO_TEST_CASE(a_thread_is_back_in_the_system_call_that_it_waited_in) {
    stepped_process target([](int n) {
        if (n == 1) std::thread([] { ::pause(); }).detach();
        while (n == 2) ::pause();
    });
    target.wait_until_idle();
    checkpoint point(process(target.id()), {.registers = true, .pause_limits = test::no_limits});
    for (int round = 0; round < 20; ++round) {
        target.begin(2);
        target.wait_until_it_waits_in_a_step();
        BOOST_TEST(point.restore().same_threads);
        target.step(0);
        target.wait_until_idle();
    }
    target.step(1);
    BOOST_TEST(!point.restore().same_threads);
}

BOOST_AUTO_TEST_CASE(memory_that_is_gone_is_named_and_the_rest_is_restored) {
    const pages area(8);
    stepped_process target([&](int n) {
        for (const std::size_t page : {4u, 5u, 6u}) area.data()[page * vmio::page_size()] = std::byte{};
        if (n == 0) ::munmap(area.data() + 2 * vmio::page_size(), vmio::page_size());
        if (n == 0) ::mprotect(area.data() + 5 * vmio::page_size(), vmio::page_size(), PROT_READ);
        area.data()[0] = area.data()[7 * vmio::page_size()] = std::byte{};
    });
    checkpoint point(process(target.id()), only(area.range()));
    target.step(0);
    const restore_result result = point.restore();
    BOOST_TEST_REQUIRE(result.failed.size() == 2u);
    BOOST_TEST((result.failed.front().range == address_range(area.page(2), area.page(3))));
    BOOST_TEST(result.failed.front().error.value() == EFAULT);
    BOOST_TEST((result.failed.back().range == address_range(area.page(5), area.page(6))));
    BOOST_TEST(result.written == 4 * vmio::page_size());
    BOOST_TEST((peek(target.id(), area.start(), 1).front() == test::pattern(area.start())));
    BOOST_TEST(point.restore().written == 0u);
}

BOOST_AUTO_TEST_CASE(large_parts_are_restored_and_reserved_memory_is_not_filled) {
    constexpr std::size_t count = std::size_t{1} << 24;
    const mapped area(count);
    area.write(5, 'a');
    area.write(count / 2, 'a');
    stepped_process target([&](int) {
        ::mmap(area.data(), area.size(), PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
        area.write(9, 'b');
    });
    checkpoint point(process(target.id()), only(area.range()));
    target.step();
    BOOST_TEST(point.restore().written <= 100 * vmio::page_size());
    BOOST_TEST(static_cast<char>(peek(target.id(), area.page(5), 1).front()) == 'a');
    BOOST_TEST(static_cast<char>(peek(target.id(), area.page(9), 1).front()) == 0);
    BOOST_TEST(static_cast<char>(peek(target.id(), area.page(count / 2), 1).front()) == 'a');
}

BOOST_AUTO_TEST_CASE(memory_that_was_mapped_anew_in_its_place_is_restored) {
    const pages area(8);
    stepped_process target([&](int) {
        ::mmap(area.data(), area.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    });
    checkpoint point(process(target.id()), only(area.range()));
    for (int round = 0; round < 2; ++round) {
        target.step();
        BOOST_TEST(point.restore().written == area.size());
        BOOST_TEST(holds_pattern(target.id(), area));
    }
}

BOOST_AUTO_TEST_CASE(shared_memory_is_left_alone_unless_it_is_asked_for) {
    const mapped area(4, MAP_SHARED | MAP_ANONYMOUS);
    area.write(1, 'a');
    stepped_process target([&](int) { area.write(1, 'b'); });
    {
        checkpoint point(process(target.id()), only(area.range()));
        target.step();
        BOOST_TEST(point.restore().written == 0u);
        BOOST_TEST(area.read(1) == 'b');
    }
    area.write(1, 'a');
    checkpoint point(process(target.id()), {.ranges = {area.range()}, .shared = true});
    target.step();
    BOOST_TEST(point.restore().written == vmio::page_size());
    BOOST_TEST(area.read(1) == 'a');
}

BOOST_AUTO_TEST_CASE(the_present_memory_becomes_the_base) {
    const mapped area(8);
    for (std::size_t i = 0; i < 8; ++i) area.write(i, 'a');
    stepped_process target([&](int page) { area.write(static_cast<std::size_t>(page), 'b'); });
    checkpoint point(process(target.id()), only(area.range()));
    const vmio::process_snapshot first = point.base();
    target.step(1);
    point.advance();
    BOOST_TEST(point.changed().empty());
    target.step(2);
    BOOST_TEST(point.restore().written == vmio::page_size());
    BOOST_TEST(static_cast<char>(peek(target.id(), area.page(1), 1).front()) == 'b');
    BOOST_TEST(static_cast<char>(peek(target.id(), area.page(2), 1).front()) == 'a');
    BOOST_TEST(first.read_value<char>(area.page(1)) == 'a');
    BOOST_TEST(point.base().read_value<char>(area.page(1)) == 'b');
}

BOOST_AUTO_TEST_CASE(an_advanced_base_is_what_a_capture_would_be_and_shares_what_has_not_changed) {
    const pages area(600);
    std::mt19937 random(7);
    stepped_process target([&](int round) {
        random.seed(static_cast<unsigned>(round));
        for (int i = 0; i < 10; ++i) {
            std::byte* const page = area.data() + (1 + random() % 599) * vmio::page_size();
            ::madvise(page, vmio::page_size(), 103);  // MADV_GUARD_REMOVE
            switch (random() % 4) {
                case 0: std::memset(page, 0, vmio::page_size()); break;
                case 1: ::madvise(page, vmio::page_size(), MADV_DONTNEED); break;
                case 2: test::install_guards(page, vmio::page_size()); break;
                default: page[random() % vmio::page_size()] = std::byte{1};
            }
        }
        if (round == 30) ::mprotect(area.data(), vmio::page_size(), PROT_READ);
    });
    checkpoint point(process(target.id()), only(area.range()));
    const std::size_t files = memory_files();
    for (int round = 0; round < 40; ++round) {
        target.step(round);
        if (round % 5 == 4) point.restore();
        point.advance();
        const vmio::process_snapshot& base = point.base();
        const auto expected = vmio::process_snapshot::capture(
            process(target.id()),
            {.regions = {.wanted = [](const vmio::mapping& m) { return m.perms.write && !m.perms.shared; }},
             .ranges = {area.range()},
             .pause = true});
        BOOST_TEST_REQUIRE(std::ranges::equal(base.ranges(), expected.ranges()));
        BOOST_TEST_REQUIRE(std::ranges::equal(base.gaps(), expected.gaps()));
        BOOST_TEST(std::ranges::equal(base.stored(), expected.stored()));
        BOOST_TEST(diff(base, expected).empty());
        BOOST_TEST(base.paused());
        BOOST_TEST(base.threads().size() == 1u);
        for (const address_range& r : base.ranges()) {
            vmio::cow_view seen = base.view(r);
            vmio::cow_view right = expected.view(r);
            BOOST_TEST(std::ranges::equal(seen.bytes(), right.bytes()));
        }
        if (round == 3) BOOST_TEST(memory_files() == files + 1);  // that of `expected`
    }
}

BOOST_AUTO_TEST_CASE(a_target_that_has_ended_is_an_error) {
    test::child_process child;
    checkpoint point(child.id());
    child.end();
    BOOST_TEST(test::error_of([&] { point.restore(); }) == ESRCH);
    BOOST_TEST(test::error_of([&] { point.advance(); }) == ESRCH);
    BOOST_TEST(test::error_of([&] { point.changed(); }) == ESRCH);
}

BOOST_AUTO_TEST_SUITE_END()
