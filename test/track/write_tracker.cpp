// SPDX-License-Identifier: BSL-1.0
#include <vmio/write_tracker.hpp>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/smaps.hpp>

#include "processes/child.hpp"
#include "processes/stepped_process.hpp"
#include "support/error_of.hpp"
#include "support/kernel_features.hpp"
#include "support/mapped.hpp"
#include "support/sanitized.hpp"
#include "support/skip.hpp"

using test::mapped;
using test::stepped_process;
using vmio::address_range;
using vmio::process;
using vmio::write_tracker;
using ranges = std::vector<address_range>;

namespace {

void touch_all(const mapped& m) {
    for (std::size_t i = 0; i < m.size() / vmio::page_size(); ++i) m.write(i);
}

ranges pages_of(const mapped& m, const std::set<std::size_t>& pages) {
    ranges all;
    for (const std::size_t i : pages) {
        if (!all.empty() && all.back().end() == m.page(i))
            all.back() = {all.back().start(), m.page(i + 1)};
        else
            all.emplace_back(m.page(i), m.page(i + 1));
    }
    return all;
}

/// What of `all` lies in `m`.
ranges within(const ranges& all, const address_range& m) {
    ranges inside;
    for (const address_range& r : all)
        if (r.overlaps(m)) inside.push_back(r.intersection(m));
    return inside;
}

bool is_registered(pid_t id) {
    for (const vmio::smaps_entry& m : vmio::read_smaps(process(id)))
        if (m.flags.has("uw")) return true;
    return false;
}

std::string status_of(pid_t id, const std::string& key) {
    std::ifstream status("/proc/" + std::to_string(id) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(key)) return line.substr(key.size());
    return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(write_tracker_, *boost::unit_test::precondition(test::can_write_protect))

BOOST_AUTO_TEST_CASE(a_tracker_reports_exactly_the_pages_that_were_written) {
    const mapped area(64);
    touch_all(area);
    stepped_process target([&](int page) { area.write(static_cast<std::size_t>(page), 2); });
    write_tracker tracker(process(target.id()), {.ranges = {area.range()}});
    BOOST_TEST((tracker.method() == vmio::tracking_method::write_protection));
    BOOST_TEST(tracker.target().id() == target.id());
    BOOST_TEST(tracker.written().empty());
    for (const int page : {7, 3, 4, 63}) target.step(page);
    const ranges expected = pages_of(area, {3, 4, 7, 63});
    BOOST_TEST((tracker.written() == expected));
    BOOST_TEST((tracker.written() == expected));
    BOOST_TEST((tracker.written_then_restart() == expected));
    BOOST_TEST(tracker.written().empty());
    target.step(4);
    BOOST_TEST((tracker.written() == pages_of(area, {4})));
    tracker.restart();
    BOOST_TEST(tracker.written().empty());
    BOOST_TEST(tracker.untracked().empty());
}

BOOST_AUTO_TEST_CASE(all_writable_memory_is_tracked_if_no_ranges_are_given) {
    const mapped area(8);
    const mapped shared(8, MAP_SHARED | MAP_ANONYMOUS);
    touch_all(area);
    touch_all(shared);
    stepped_process target([&](int page) {
        area.write(static_cast<std::size_t>(page), 2);
        shared.write(static_cast<std::size_t>(page) + 1, 2);
    });
    write_tracker tracker(target.id());
    target.step(5);
    const ranges written = tracker.written();
    BOOST_TEST((within(written, area.range()) == pages_of(area, {5})));
    BOOST_TEST((within(written, shared.range()) == pages_of(shared, {6})));
}

BOOST_AUTO_TEST_CASE(ranges_are_rounded_outwards_and_memory_outside_is_left_out) {
    const mapped area(8);
    touch_all(area);
    stepped_process target([&](int) { touch_all(area); });
    const address_range one = address_range::of_size(area.page(2) + 10, 1);
    const address_range two(area.page(5) + 1, area.page(6) + 1);
    write_tracker tracker(process(target.id()), {.ranges = {two, one}});
    target.step();
    BOOST_TEST((tracker.written() == pages_of(area, {2, 5, 6})));
}

BOOST_AUTO_TEST_CASE(random_writes_are_reported_as_a_model_says) {
    constexpr std::size_t count = 1500;  // more than two page tables hold
    const mapped area(count);
    std::mt19937 plan(1);
    const auto pages_written = [](std::mt19937& random) {
        std::set<std::size_t> pages;
        for (std::size_t n = random() % 300; n > 0; --n) pages.insert(random() % count);
        return pages;
    };
    std::mt19937 in_target = plan;
    stepped_process target([&](int) {
        for (const std::size_t page : pages_written(in_target)) area.write(page, static_cast<char>(page));
    });
    write_tracker tracker(process(target.id()), {.ranges = {area.range()}});
    std::set<std::size_t> since;
    for (int round = 0; round < 100; ++round) {
        target.step();
        since.merge(pages_written(plan));
        BOOST_TEST_REQUIRE((tracker.written() == pages_of(area, since)));
        if (round % 3 == 0) continue;
        BOOST_TEST_REQUIRE((tracker.written_then_restart() == pages_of(area, since)));
        since.clear();
    }
}

BOOST_AUTO_TEST_CASE(no_write_of_running_threads_is_lost_between_two_restarts) {
    constexpr std::size_t count = 4096;  // so many that what is lost is seldom written again before it is looked for
    constexpr int writers = 2;
#ifdef VMIO_TEST_SANITIZED
    constexpr int rounds = 10;
#else
    constexpr int rounds = 40;
#endif
    const mapped area(count);
    test::child_process target([&] {
        for (int w = 0; w < writers; ++w)
            std::thread([&area, w] {
                std::minstd_rand random(static_cast<unsigned>(w) + 1);
                for (unsigned n = 0;; ++n) {
                    auto* const word = reinterpret_cast<std::atomic<unsigned>*>(area.data(random() % count));
                    word[w].fetch_add(1, std::memory_order_relaxed);
                    if (n % 64 == 0) ::sched_yield();
                }
            }).detach();
    });
    const process p(target.id());
    const vmio::process_memory memory(p);
    write_tracker tracker(p, {.ranges = {area.range()}, .pause_limits = test::no_limits});
    std::vector<std::byte> mirror(area.size());
    std::vector<std::byte> now(area.size());
    memory.read(area.start(), mirror);
    const auto follow = [&] {
        for (const address_range& r : tracker.written_then_restart())
            memory.read(r.start(), std::span(mirror).subspan(static_cast<std::size_t>(r.start() - area.start()),
                                                             static_cast<std::size_t>(r.size())));
    };
    // What the first read has met halfway was written before the tracker knew of it.
    follow();
    {
        const vmio::pause_guard pause(p, test::no_limits);
        memory.read(area.start(), mirror);
        tracker.restart();
    }
    for (int round = 0; round < rounds; ++round) {
        follow();
        const vmio::pause_guard pause(p, test::no_limits);
        follow();
        memory.read(area.start(), now);
        BOOST_TEST_REQUIRE((mirror == now));
    }
}

BOOST_AUTO_TEST_CASE(memory_that_is_mapped_later_counts_as_written_and_is_tracked_after_a_restart) {
    const mapped place(32);
    ::munmap(place.data(), place.size());
    stepped_process target([&](int page) {
        constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
        if (page < 0)
            ::mmap(place.data(), place.size(), PROT_READ | PROT_WRITE, flags, -1, 0);
        else
            place.write(static_cast<std::size_t>(page));
    });
    write_tracker tracker(process(target.id()), {.ranges = {place.range()}});
    BOOST_TEST(tracker.written().empty());
    target.step(-1);
    BOOST_TEST((tracker.written() == ranges{place.range()}));
    BOOST_TEST((tracker.written() == ranges{place.range()}));
    BOOST_TEST((tracker.written_then_restart() == ranges{place.range()}));
    BOOST_TEST(tracker.written().empty());
    target.step(9);
    BOOST_TEST((tracker.written_then_restart() == pages_of(place, {9})));
    // In place of what is tracked.
    target.step(-1);
    BOOST_TEST((tracker.written() == ranges{place.range()}));
    BOOST_TEST((tracker.written_then_restart() == ranges{place.range()}));
    target.step(30);
    BOOST_TEST((tracker.written() == pages_of(place, {30})));
}

BOOST_AUTO_TEST_CASE(memory_that_was_unmapped_is_not_reported_and_memory_that_was_moved_is_at_its_new_place) {
    const mapped from(8);
    const mapped to(8);
    touch_all(from);
    touch_all(to);
    stepped_process target([&](int n) {
        if (n == 0) ::munmap(to.data(), to.size());
        if (n == 1) ::mremap(from.data(), from.size(), from.size(), MREMAP_MAYMOVE | MREMAP_FIXED, to.data());
        if (n == 2) to.write(1);
    });
    write_tracker tracker(process(target.id()), {.ranges = {from.range(), to.range()}});
    target.step(0);
    BOOST_TEST(tracker.written_then_restart().empty());
    target.step(1);
    BOOST_TEST((tracker.written_then_restart() == ranges{to.range()}));
    BOOST_TEST(tracker.written().empty());
    target.step(2);
    BOOST_TEST((tracker.written() == pages_of(to, {1})));
}

BOOST_AUTO_TEST_CASE(pages_that_are_given_back_to_the_kernel_count_as_written_once) {
    const mapped area(16);
    touch_all(area);
    stepped_process target([&](int n) {
        if (n == 0) ::madvise(area.data(3), 2 * vmio::page_size(), MADV_DONTNEED);
        if (n == 1) area.read(3);
        if (n == 2) area.write(4);
    });
    write_tracker tracker(process(target.id()), {.ranges = {area.range()}});
    target.step(0);
    BOOST_TEST((tracker.written() == pages_of(area, {3, 4})));
    BOOST_TEST((tracker.written_then_restart() == pages_of(area, {3, 4})));
    BOOST_TEST(tracker.written().empty());
    target.step(1);
    BOOST_TEST(tracker.written().empty());
    target.step(2);
    BOOST_TEST((tracker.written() == pages_of(area, {4})));
}

BOOST_AUTO_TEST_CASE(memory_that_becomes_writable_counts_as_written_and_what_no_longer_is_stays_tracked) {
    const mapped area(16);
    touch_all(area);
    test::must(::mprotect(area.data(8), 8 * vmio::page_size(), PROT_READ) == 0, "mprotect");
    stepped_process target([&](int n) {
        if (n == 0) ::mprotect(area.data(8), vmio::page_size(), PROT_READ | PROT_WRITE);
        if (n == 1) {
            area.write(2);
            ::mprotect(area.data(), 4 * vmio::page_size(), PROT_READ);
        }
    });
    write_tracker tracker(process(target.id()), {.ranges = {area.range()}});
    target.step(0);
    BOOST_TEST((tracker.written_then_restart() == pages_of(area, {8})));
    target.step(1);
    BOOST_TEST((tracker.written() == pages_of(area, {2})));
}

BOOST_AUTO_TEST_CASE(mappings_that_are_read_only_are_tracked_on_request) {
    const mapped area(16);
    touch_all(area);
    test::must(::mprotect(area.data(), area.size(), PROT_READ) == 0, "mprotect");
    stepped_process target([&](int) {
        ::mprotect(area.data(5), vmio::page_size(), PROT_READ | PROT_WRITE);
        area.write(5);
        ::mprotect(area.data(5), vmio::page_size(), PROT_READ);
    });
    const process p(target.id());
    write_tracker without(p, {.ranges = {area.range()}});
    target.step();
    BOOST_TEST(without.written().empty());
    without = write_tracker(p, {.ranges = {area.range()}, .read_only_mappings = true});
    target.step();
    BOOST_TEST((without.written() == pages_of(area, {5})));
}

BOOST_AUTO_TEST_CASE(a_child_of_the_target_is_not_tracked_and_the_target_still_is) {
    const mapped area(16);
    touch_all(area);
    stepped_process target([&](int page) {
        const pid_t child = ::fork();
        if (child == 0) {
            area.write(0);
            ::_exit(is_registered(::getpid()) ? 1 : 0);
        }
        int status = -1;
        ::waitpid(child, &status, 0);
        area.write(static_cast<std::size_t>(status == 0 ? page : 15));
    });
    write_tracker tracker(process(target.id()), {.ranges = {area.range()}});
    for (const int page : {3, 9}) {
        target.step(page);
        BOOST_TEST((tracker.written_then_restart() == pages_of(area, {static_cast<std::size_t>(page)})));
    }
}

BOOST_AUTO_TEST_CASE(a_target_that_calls_exec_or_ends_is_noticed) {
    stepped_process target([&](int) { ::execl("/bin/sleep", "sleep", "1000", nullptr); });
    write_tracker tracker(target.id());
    target.begin(0);
    while (process(target.id()).alive() && test::error_of([&] { tracker.written(); }) == 0) {
    }
    BOOST_TEST(test::error_of([&] { tracker.written(); }) == ESTALE);
    BOOST_TEST(test::error_of([&] { tracker.restart(); }) == ESTALE);
    test::child_process child;
    write_tracker other(child.id());
    child.end();
    BOOST_TEST(test::error_of([&] { other.written(); }) == ESRCH);
    BOOST_TEST(test::error_of([&] { write_tracker{child.id()}; }) == ESRCH);
}

BOOST_AUTO_TEST_CASE(a_tracker_that_goes_leaves_nothing_behind) {
    const mapped area(16);
    touch_all(area);
    stepped_process target([&](int page) { area.write(static_cast<std::size_t>(page)); });
    const std::string descriptors = status_of(target.id(), "FDSize:");
    {
        write_tracker tracker(target.id());
        BOOST_TEST(is_registered(target.id()));
        write_tracker moved = std::move(tracker);
        target.step(1);
        BOOST_TEST((within(moved.written(), area.range()) == pages_of(area, {1})));
    }
    BOOST_TEST(!is_registered(target.id()));
    BOOST_TEST(status_of(target.id(), "FDSize:") == descriptors);

    // Killed.
    int ready[2];
    test::must(::pipe(ready) == 0, "pipe");
    const pid_t id = ::fork();
    if (id == 0) {
        write_tracker tracker(target.id());
        test::must(::write(ready[1], "r", 1) == 1, "write");
        for (;;) ::pause();
    }
    char byte;
    test::must(::read(ready[0], &byte, 1) == 1, "read");
    BOOST_TEST(is_registered(target.id()));
    ::kill(id, SIGKILL);
    ::waitpid(id, nullptr, 0);
    BOOST_TEST(!is_registered(target.id()));
    target.step(2);
    ::close(ready[0]);
    ::close(ready[1]);
}

BOOST_AUTO_TEST_CASE(memory_that_the_target_itself_has_registered_is_listed_as_untracked) {
    const mapped own(8);
    const mapped other(8);
    touch_all(own);
    touch_all(other);
    stepped_process target([&](int page) {
        if (page >= 0) {
            other.write(static_cast<std::size_t>(page));
            own.write(static_cast<std::size_t>(page));
            return;
        }
        static int fd = -1;
        if (fd >= 0) {
            ::close(fd);
            return;
        }
        fd = static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | 1));
        uffdio_api api{};
        api.api = UFFD_API;
        uffdio_register area{};
        area.range = {own.start(), own.size()};
        area.mode = UFFDIO_REGISTER_MODE_MISSING;
        test::must(::ioctl(fd, UFFDIO_API, &api) == 0 && ::ioctl(fd, UFFDIO_REGISTER, &area) == 0, "userfaultfd");
    });
    target.step(-1);
    write_tracker tracker(process(target.id()), {.ranges = {own.range(), other.range()}});
    BOOST_TEST((tracker.untracked() == ranges{own.range()}));
    target.step(3);
    BOOST_TEST((tracker.written_then_restart() == pages_of(other, {3})));
    target.step(-1);
    BOOST_TEST((tracker.written_then_restart() == ranges{own.range()}));  // as it was never seen before
    BOOST_TEST(tracker.untracked().empty());
    target.step(3);
    BOOST_TEST((within(tracker.written(), own.range()) == pages_of(own, {3})));
}

BOOST_AUTO_TEST_CASE(page_tables_do_not_grow_for_memory_that_was_never_touched) {
    constexpr std::size_t size = std::size_t{1} << 36;
    const mapped large(size / vmio::page_size());
    stepped_process target([&](int) { large.write(1000); });
    target.step();
    const auto tables = [&] { return std::stoul(status_of(target.id(), "VmPTE:")); };
    const unsigned long before = tables();
    write_tracker tracker(target.id());
    target.step();
    BOOST_TEST((within(tracker.written_then_restart(), large.range()) == pages_of(large, {1000})));
    BOOST_TEST(tables() <= before + 1024);
}

BOOST_AUTO_TEST_CASE(an_ordinary_user_tracks_its_own_child, *boost::unit_test::precondition(test::as_root)) {
    const mapped area(8);
    touch_all(area);
    BOOST_TEST(test::as_nobody([&] {
                   ::prctl(PR_SET_DUMPABLE, 1);
                   stepped_process target([&](int page) { area.write(static_cast<std::size_t>(page)); });
                   write_tracker tracker(process(target.id()), {.ranges = {area.range()}});
                   target.step(6);
                   return tracker.written() == pages_of(area, {6}) ? 0 : 1;
               }) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
