// SPDX-License-Identifier: BSL-1.0
/// What a capture does to its target, and a target to its capture.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/process_snapshot.hpp>

#include "base/file_descriptor.hpp"
#include "processes/child.hpp"
#include "processes/exec_loop_process.hpp"
#include "processes/stopped.hpp"
#include "processes/storm_process.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/resources.hpp"
#include "support/usage.hpp"

using test::child_process;
using test::mapped;
using test::pages;
using test::status_of;
using vmio::address_range;
using vmio::capture_options;
using vmio::gap_reason;
using vmio::process;
using vmio::process_snapshot;
using vmio::detail::file_descriptor;

namespace {

const std::size_t page = vmio::page_size();

int error_of_capture(const process& target, const capture_options& options = {}) {
    return test::error_of([&] { process_snapshot::capture(target, options); });
}

/// A process that works on numbers and knows what must come out. It shares a word in which it says how far it is.
class summing_process {
public:
    static constexpr std::size_t numbers = 1 << 18;
    static constexpr unsigned rounds = 600;

    summing_process()
        : shared_(1, MAP_SHARED | MAP_ANONYMOUS),
          own_(numbers * sizeof(std::uint64_t) / page),
          child_([this] { std::thread([this] { work(); }).detach(); }) {}

    pid_t id() const { return child_.id(); }
    address_range range() const { return own_.range(); }
    unsigned round() const { return word(0); }
    bool right() const {
        while (word(0) < rounds) std::this_thread::yield();
        return word(1) == 1;
    }

private:
    std::atomic<unsigned>& word(std::size_t i) const {
        return reinterpret_cast<std::atomic<unsigned>*>(shared_.data())[i];
    }

    void work() const {
        auto* const values = reinterpret_cast<std::uint64_t*>(own_.data());
        for (std::size_t i = 0; i < numbers; ++i) values[i] = i;
        for (unsigned r = 0; r < rounds; ++r) {
            for (std::size_t i = 0; i < numbers; ++i) values[i] = values[i] * 3 + 1;
            if (r + 1 == rounds) word(1) = is_right(values) ? 1 : 2;
            word(0) = r + 1;
        }
    }
    static bool is_right(const std::uint64_t* values) {
        std::uint64_t factor = 1;
        std::uint64_t sum = 0;
        for (unsigned r = 0; r < rounds; ++r) {
            factor *= 3;
            sum = sum * 3 + 1;
        }
        for (std::size_t i = 0; i < numbers; ++i)
            if (values[i] != i * factor + sum) return false;
        return true;
    }

    mapped shared_;
    mapped own_;
    child_process child_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(the_target_does_not_grow) {
    const mapped untouched(std::size_t{1} << 16);
    const test::unnamed_file file(20);
    const mapped of_file(20, MAP_PRIVATE, file.get());
    const child_process child;
    const test::stopped at_rest(child.id());
    const auto rss = status_of(child.id(), "VmRSS");
    const auto page_tables = status_of(child.id(), "VmPTE");
    const process_snapshot s = process_snapshot::capture(process(child.id()));
    std::size_t vdso = 0;
    for (const vmio::mapping& m : s.map())
        if (m.name == "[vdso]") vdso = static_cast<std::size_t>(m.range.size()) / 1024;
    BOOST_TEST(status_of(child.id(), "VmRSS") <= rss + vdso);
    BOOST_TEST(status_of(child.id(), "VmPTE") == page_tables);
    BOOST_TEST(s.read_value<char>(of_file.page(19)) == 't');
}

BOOST_AUTO_TEST_CASE(a_paused_capture_is_of_one_moment) {
    const mapped memory(20000);
    const child_process child([&] {
        std::thread([&] {
            auto& first = reinterpret_cast<std::atomic<unsigned long>&>(*memory.data());
            auto& last = reinterpret_cast<std::atomic<unsigned long>&>(*memory.data(19999));
            for (unsigned long i = 1;; ++i) {
                first = i;
                *memory.data(i % 19998 + 1) = 1;
                last = i;
            }
        }).detach();
    });
    const process target(child.id());
    capture_options options;
    options.ranges = {memory.range()};
    options.pause = true;
    unsigned long before = 0;
    for (int i = 0; i < 20; ++i) {
        const process_snapshot s = process_snapshot::capture(target, options);
        BOOST_TEST(s.paused());
        const auto first = s.read_value<unsigned long>(memory.page(0));
        const auto last = s.read_value<unsigned long>(memory.page(19999));
        BOOST_TEST((first == last || first == last + 1));
        BOOST_TEST(last >= before);
        before = last;
    }
    while (vmio::process_memory(target).read_value<unsigned long>(memory.page(0)) < before + 2)
        std::this_thread::yield();
}

BOOST_AUTO_TEST_CASE(every_byte_captured_of_a_storm_is_right_and_losses_are_reported) {
    const test::storm_process target(VMIO_STORM_TARGET);
    const process handle(target.id());
    const auto range = address_range::of_size(target.start(), target.size());
    std::size_t gaps = 0;
    for (const bool pause : {false, true})
        for (int i = 0; i < 60; ++i) {
            capture_options options;
            options.pause = pause;
            if (i % 4 != 0) options.ranges = {range};
            const process_snapshot s = process_snapshot::capture(handle, options);
            std::uint64_t sum = 0;
            for (const address_range& r : s.ranges()) {
                const address_range part = range.intersection(r);
                std::vector<std::byte> bytes(static_cast<std::size_t>(part.size()));
                s.read(part.start(), bytes);
                BOOST_TEST(test::is_pattern(part.start(), bytes));
                sum += part.size();
            }
            for (const vmio::memory_gap& gap : s.gaps()) sum += range.intersection(gap.range).size();
            if (!options.ranges.empty()) BOOST_TEST(sum == range.size());
            gaps += s.gaps().size();
        }
    BOOST_TEST(gaps > 0u);  // or it was no storm
}

BOOST_AUTO_TEST_CASE(a_process_that_is_captured_again_and_again_computes_what_it_should) {
    const summing_process target;
    const process handle(target.id());
    capture_options options;
    while (target.round() < summing_process::rounds) {
        options.pause = !options.pause;
        const process_snapshot s = process_snapshot::capture(handle, options);
        BOOST_TEST(!s.ranges().empty());
    }
    BOOST_TEST(target.right());
}

BOOST_AUTO_TEST_CASE(the_target_continues_when_the_capturing_process_is_killed) {
    const summing_process target;
    const process handle(target.id());
    for (int i = 0; i < 5; ++i) {
        int told[2];
        BOOST_REQUIRE(::pipe(told) == 0);
        const pid_t capturing = ::fork();
        if (capturing == 0) {
            capture_options options;
            options.pause = true;
            options.progress = [&](const vmio::capture_progress& p) {
                if (p.stored < (std::uint64_t{1} << 20)) return;
                test::must(::write(told[1], "", 1) == 1, "write");
                for (;;) ::pause();
            };
            process_snapshot::capture(handle, options);
            ::_exit(1);
        }
        char byte;
        BOOST_REQUIRE(::read(told[0], &byte, 1) == 1);
        BOOST_REQUIRE(::kill(capturing, SIGKILL) == 0);
        BOOST_REQUIRE(::waitpid(capturing, nullptr, 0) == capturing);
        ::close(told[0]);
        ::close(told[1]);
    }
    BOOST_TEST(target.right());
}

BOOST_AUTO_TEST_CASE(an_exception_of_the_progress_ends_the_capture_and_the_pause) {
    const summing_process target;
    capture_options options;
    options.pause = true;
    options.progress = [](const vmio::capture_progress&) { throw std::runtime_error("enough"); };
    BOOST_CHECK_THROW(process_snapshot::capture(process(target.id()), options), std::runtime_error);
    BOOST_TEST(target.right());
}

BOOST_AUTO_TEST_CASE(memory_that_vanishes_after_it_was_listed_is_a_gap) {
    // Both are mappings whose bytes are read after we are asked whether they are wanted.
    for (const bool skip_untouched : {true, false}) {
        const pages here(4);
        const mapped zeros(4);
        capture_options options;
        options.ranges = {here.range(), zeros.range()};
        options.regions.skip_untouched = skip_untouched;
        options.regions.wanted = [&](const vmio::mapping& m) {
            if (m.range.contains(here.start())) test::must(::mprotect(here.data() + page, page, PROT_NONE) == 0, "");
            if (m.range.contains(zeros.start())) test::must(::munmap(zeros.data(1), page) == 0, "munmap");
            return true;
        };
        const process_snapshot s = process_snapshot::capture(process::self(), options);
        const auto gap_at = [&](vmio::address a) {
            for (const vmio::memory_gap& gap : s.gaps())
                if (gap.range.contains(a)) return std::optional(gap.reason);
            return std::optional<gap_reason>();
        };
        BOOST_TEST((gap_at(zeros.page(1)) == gap_reason::unmapped));
        BOOST_TEST((gap_at(here.page(1)) == gap_reason::no_permission));
        BOOST_TEST(!gap_at(zeros.page(2)).has_value());
        std::vector<std::byte> bytes(2 * page);
        s.read(here.page(2), bytes);
        BOOST_TEST(test::is_pattern(here.page(2), bytes));
    }
}

BOOST_AUTO_TEST_CASE(memory_read_before_it_vanished_is_kept) {
    const pages here(100);
    capture_options options;
    options.ranges = {here.range()};
    test::must(::madvise(here.data() + 20 * page, page, MADV_DONTNEED) == 0, "madvise");  // zeros that nobody reads
    options.progress = [&](const vmio::capture_progress&) { ::munmap(here.data() + 10 * page, 11 * page); };
    const process_snapshot s = process_snapshot::capture(process::self(), options);
    BOOST_REQUIRE(s.gaps().size() == 1u);
    BOOST_TEST((s.gaps()[0] == vmio::memory_gap{{here.page(20), here.page(21)}, gap_reason::unmapped}));
    std::vector<std::byte> bytes(20 * page);
    s.read(here.start(), bytes);
    BOOST_TEST(test::is_pattern(here.start(), bytes));
}

BOOST_AUTO_TEST_CASE(bytes_written_behind_the_end_of_a_file_are_captured) {
    const int file = ::memfd_create("short", MFD_CLOEXEC);
    test::must(file >= 0 && ::ftruncate(file, static_cast<off_t>(page + 10)) == 0, "memfd_create");
    test::must(::pwrite(file, "abc", 3, static_cast<off_t>(page)) == 3, "pwrite");
    const mapped memory(3, MAP_SHARED, file);
    memory.data()[page + 100] = 'x';
    const child_process child;
    capture_options options;
    options.ranges = {memory.range()};
    const process_snapshot s = process_snapshot::capture(process(child.id()), options);
    BOOST_TEST(s.read_value<char>(memory.page(1) + 2) == 'c');
    BOOST_TEST(s.read_value<char>(memory.page(1) + 100) == 'x');
    BOOST_REQUIRE(s.gaps().size() == 1u);
    BOOST_TEST((s.gaps()[0] == vmio::memory_gap{{memory.page(2), memory.page(3)}, gap_reason::past_end_of_file}));
    ::close(file);
}

BOOST_AUTO_TEST_CASE(another_mapping_in_the_place_of_the_listed_one_is_captured) {
    constexpr std::size_t count = 150;  // more than is read at once
    const test::directory directory;
    std::vector<std::byte> content(count * page);
    for (std::size_t i = 0; i < count; ++i) content[i * page] = static_cast<std::byte>('0' + i % 64);
    test::write_file(directory / "file", content);
    const file_descriptor file(::open((directory / "file").c_str(), O_RDWR | O_CLOEXEC));
    const auto letter = [](std::size_t i) { return static_cast<char>('0' + i % 64); };
    const auto map = [&](const mapped& m, std::size_t first, std::size_t pages, int flags, std::size_t from) {
        const bool anonymous = (flags & MAP_ANONYMOUS) != 0;
        test::must(::mmap(m.data(first), pages * page, PROT_READ | PROT_WRITE, flags | MAP_FIXED,
                          anonymous ? -1 : file.get(), static_cast<off_t>(from * page)) != MAP_FAILED,
                   "mmap");
    };
    const auto captured = [&](const mapped& m, const std::function<void()>& change) {
        capture_options options;
        options.ranges = {m.range()};
        options.max_stored = m.size();
        options.regions.wanted = [&](const vmio::mapping& found) {
            if (found.range.contains(m.start())) change();
            return true;
        };
        return process_snapshot::capture(process::self(), options);
    };
    const mapped memory(count);
    // Zeros that were listed, and a file by the time they are read.
    process_snapshot s = captured(memory, [&] { map(memory, 2, 100, MAP_PRIVATE, 0); });
    BOOST_TEST(s.gaps().empty());
    BOOST_TEST(s.read_value<char>(memory.page(1)) == 0);
    for (std::size_t i = 2; i < 102; ++i) BOOST_TEST(s.read_value<char>(memory.page(i)) == letter(i - 2));
    BOOST_TEST(s.read_value<char>(memory.page(102)) == 0);
    // A file, and other pages of it, nothing, or zeros.
    map(memory, 0, count, MAP_PRIVATE, 0);
    s = captured(memory, [&] {
        map(memory, 0, 100, MAP_PRIVATE, 50);
        map(memory, 101, 20, MAP_PRIVATE | MAP_ANONYMOUS, 0);
        BOOST_REQUIRE(::munmap(memory.data(100), page) == 0);
    });
    BOOST_REQUIRE(s.gaps().size() == 1u);
    BOOST_TEST((s.gaps()[0] == vmio::memory_gap{{memory.page(100), memory.page(101)}, gap_reason::unmapped}));
    for (std::size_t i = 0; i < 100; ++i) BOOST_TEST(s.read_value<char>(memory.page(i)) == letter(i + 50));
    for (std::size_t i = 101; i < 121; ++i) BOOST_TEST(s.read_value<char>(memory.page(i)) == 0);
    for (std::size_t i = 121; i < count; ++i) BOOST_TEST(s.read_value<char>(memory.page(i)) == letter(i));
    BOOST_TEST(s.memory_used() == (count - 21) * page);
    std::uint64_t stored = 0;
    for (const address_range& range : s.stored()) stored += range.size();
    BOOST_TEST(stored == s.memory_used());
}

BOOST_AUTO_TEST_CASE(a_process_that_is_gone_or_has_changed_its_program_is_an_error) {
    child_process child;
    const process target(child.id());
    child.kill();
    BOOST_TEST(error_of_capture(target) == ESRCH);
    child.end();
    BOOST_TEST(error_of_capture(target) == ESRCH);

    test::exec_loop_process changing(VMIO_EXEC_LOOP);
    const process changed(changing.id());
    BOOST_TEST(error_of_capture(changed) == 0);
    changing.begin();
    while (changed.same_program()) std::this_thread::yield();
    for (int i = 0; i < 100; ++i) BOOST_TEST(error_of_capture(changed) == ESTALE);
    BOOST_TEST(error_of_capture(process::self(), {.regions = {}, .ranges = {}, .pause = true}) == EINVAL);
}

BOOST_AUTO_TEST_CASE(a_hundred_captures_leak_nothing) {
    const pages memory(64);
    const child_process child;
    const process target(child.id());
    capture_options options;
    const auto once = [&](int i) {
        options.pause = !options.pause;
        options.ranges.clear();
        if (i % 10 != 0) options.ranges = {memory.range()};
        const process_snapshot s = process_snapshot::capture(target, options);
        vmio::cow_view view = s.view(memory.range());
        view[0] = std::byte{1};
        const vmio::snapshot branch = view.take_snapshot();
        BOOST_TEST(branch.size() == memory.size());
    };
    for (int i = 0; i < 10; ++i) once(i);
    const test::resources before = test::resources::now();
    for (int i = 0; i < 100; ++i) once(i);
    const test::resources after = test::resources::now();
    BOOST_TEST(after.descriptors == before.descriptors);
    BOOST_TEST(after.mappings == before.mappings);
    BOOST_TEST(after.heap <= before.heap + 4096);
}
