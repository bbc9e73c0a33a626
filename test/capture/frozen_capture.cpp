// SPDX-License-Identifier: BSL-1.0
/// Captures and core files of a frozen copy.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "processes/core_process.hpp"
#include "processes/gdb.hpp"
#include "processes/numbering_process.hpp"
#include "processes/stepped_process.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

using test::mapped;
using test::pages;
using test::stepped_process;
using vmio::address_range;
using vmio::capture_options;
using vmio::core_memory;
using vmio::process;
using vmio::process_snapshot;

namespace {

capture_options frozen(std::vector<address_range> ranges = {}) {
    return {.ranges = std::move(ranges), .frozen_copy = true, .pause_limits = test::no_limits};
}

std::vector<std::byte> bytes_of(const auto& memory, const address_range& range) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(range.size()));
    std::error_code ec;
    bytes.resize(memory.read_some(range.start(), bytes, ec));
    return bytes;
}

bool holds_pattern(const auto& memory, const address_range& range) {
    const std::vector<std::byte> bytes = bytes_of(memory, range);
    return bytes.size() == range.size() && test::is_pattern(range.start(), bytes);
}

core_memory written_core(const process& target, const std::filesystem::path& path, vmio::core_options options) {
    options.frozen_copy = true;
    const vmio::core_summary summary = vmio::write_core(target, path, options);
    BOOST_TEST(summary.frozen_copy);
    BOOST_TEST(summary.frozen_copy_refusal == "");
    BOOST_TEST(summary.pause_time.count() > 0);
    return core_memory::open(path);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(frozen_capture)

BOOST_AUTO_TEST_CASE(a_capture_of_a_running_target_is_of_one_moment) {
    const test::numbering_process target(8, 8);
    std::vector<unsigned long> words;
    const auto blocks = target.blocks(words, 8);
    for (int i = 0; i < 10; ++i) {
        const process_snapshot s = process_snapshot::capture(process(target.id()), frozen({target.area().range()}));
        BOOST_TEST(s.frozen_copy());
        BOOST_TEST(s.paused());
        BOOST_TEST(s.frozen_copy_refusal() == "");
        BOOST_TEST(s.process_id() == target.id());
        BOOST_TEST(s.threads().size() == 9u);
        BOOST_TEST(s.pause_time().count() > 0);
        for (const vmio::remote_block& b : blocks) s.read(b.start, b.bytes);
        BOOST_TEST(target.is_one_moment(words));
    }
}

BOOST_AUTO_TEST_CASE(all_of_a_frozen_target_is_captured_as_under_a_pause) {
    const test::core_process target;
    const process_snapshot s = process_snapshot::capture(process(target.id()), frozen());
    const process_snapshot paused = process_snapshot::capture(process(target.id()), {.pause = true});
    BOOST_TEST(!paused.frozen_copy());
    BOOST_TEST(paused.pause_time().count() > 0);
    BOOST_TEST(std::ranges::equal(s.ranges(), paused.ranges()));
    BOOST_TEST(std::ranges::equal(s.gaps(), paused.gaps()));
    BOOST_TEST(std::ranges::equal(s.stored(), paused.stored()));
    BOOST_TEST(std::ranges::equal(s.map(), paused.map(), {}, &vmio::mapping::range, &vmio::mapping::range));
    BOOST_TEST(s.program() == paused.program());
    for (const address_range& r : s.stored()) BOOST_TEST((bytes_of(s, r) == bytes_of(paused, r)));
}

BOOST_AUTO_TEST_CASE(a_target_runs_while_its_frozen_copy_is_captured) {
    const pages area(4);
    stepped_process target(
        [&](int page) { area.data()[static_cast<std::size_t>(page) * vmio::page_size()] = std::byte{1}; });
    capture_options options = frozen();
    int steps = 0;
    options.progress = [&](const vmio::capture_progress&) {
        if (steps < 4) target.step(steps++);
    };
    const process_snapshot s = process_snapshot::capture(process(target.id()), options);
    BOOST_TEST(steps == 4);
    BOOST_TEST(holds_pattern(s, area.range()));
    BOOST_TEST(!test::is_pattern(area.start(), test::peek(target.id(), area.start(), area.size())));
}

BOOST_AUTO_TEST_CASE(memory_that_a_fork_does_not_copy_is_captured_during_the_pause) {
    const pages left_out(4);
    const pages cleared(4);
    const pages beside(4);
    stepped_process target([&](int) {
        test::must(::madvise(left_out.data(), left_out.size(), MADV_DONTFORK) == 0, "madvise");
        test::must(::madvise(cleared.data(), cleared.size(), MADV_WIPEONFORK) == 0, "madvise");
    });
    target.step();
    const process_snapshot s = process_snapshot::capture(process(target.id()), frozen());
    const process_snapshot part = process_snapshot::capture(process(target.id()), frozen({left_out.range()}));
    BOOST_TEST(s.frozen_copy());
    const test::scratch_directory directory;
    const core_memory core = written_core(process(target.id()), directory / "core", {});
    for (const pages* p : {&left_out, &cleared, &beside}) {
        BOOST_TEST(s.map().find(p->start()) != nullptr);
        BOOST_TEST(holds_pattern(s, p->range()));
        BOOST_TEST(holds_pattern(core, p->range()));
    }
    BOOST_TEST((part.ranges().size() == 1u && part.ranges().front() == left_out.range()));
    BOOST_TEST(holds_pattern(part, left_out.range()));
}

BOOST_AUTO_TEST_CASE(memory_that_is_neither_forked_nor_to_be_dumped_is_left_out) {
    const pages area(4);
    stepped_process target([&](int) {
        test::must(::madvise(area.data(), area.size(), MADV_DONTFORK) == 0, "madvise");
        test::must(::madvise(area.data(), area.size(), MADV_DONTDUMP) == 0, "madvise");
    });
    target.step();
    const test::scratch_directory directory;
    const process handle(target.id());
    capture_options options = frozen();
    options.regions.skip_dontdump = true;
    const process_snapshot s = process_snapshot::capture(handle, options);
    BOOST_TEST(s.map().find(area.start()) != nullptr);
    BOOST_TEST(bytes_of(s, area.range()).empty());
    BOOST_TEST(bytes_of(written_core(handle, directory / "without", {}), area.range()).empty());
    const core_memory with = written_core(handle, directory / "with", {.skip_dontdump = false});
    BOOST_TEST(holds_pattern(with, area.range()));
}

BOOST_AUTO_TEST_CASE(a_reserve_that_is_neither_forked_nor_readable_takes_no_room_in_a_core) {
    const mapped reserve(std::size_t{1} << 18);
    test::must(::mprotect(reserve.data(), reserve.size(), PROT_NONE) == 0, "mprotect");
    stepped_process target(
        [&](int) { test::must(::madvise(reserve.data(), reserve.size(), MADV_DONTFORK) == 0, "madvise"); });
    target.step();
    const test::scratch_directory directory;
    const core_memory core = written_core(process(target.id()), directory / "core", {});
    BOOST_TEST(bytes_of(core, reserve.range()).empty());
}

BOOST_AUTO_TEST_CASE(shared_memory_is_of_the_moment_only_if_that_is_asked_for) {
    const mapped shared(2, MAP_SHARED | MAP_ANONYMOUS);
    const pages own(2);  // below, so that it is captured first
    BOOST_TEST_REQUIRE(own.start() < shared.start());
    shared.write(0, 'a');
    const test::child_process target;
    for (const bool asked : {false, true}) {
        shared.write(0, 'a');
        capture_options options = frozen({own.range(), shared.range()});
        options.frozen_shared = asked;
        options.progress = [&](const vmio::capture_progress&) { shared.write(0, 'b'); };
        const process_snapshot s = process_snapshot::capture(process(target.id()), options);
        BOOST_TEST(s.frozen_copy());
        BOOST_TEST(s.read_value<char>(shared.start()) == (asked ? 'a' : 'b'));
    }
}

BOOST_AUTO_TEST_CASE(a_target_that_cannot_be_copied_is_paused, *boost::unit_test::precondition(test::as_root)) {
    const pages area(4);
    const test::child_process target([] {
        const rlimit none{};
        test::must(::setrlimit(RLIMIT_NPROC, &none) == 0 && ::setgid(65534) == 0 && ::setuid(65534) == 0, "setuid");
    });
    const process_snapshot s = process_snapshot::capture(process(target.id()), frozen());
    BOOST_TEST(!s.frozen_copy());
    BOOST_TEST(s.paused());
    BOOST_TEST(s.frozen_copy_refusal().find("RLIMIT_NPROC") != std::string::npos);
    BOOST_TEST(holds_pattern(s, area.range()));
    const test::scratch_directory directory;
    const vmio::core_summary summary =
        vmio::write_core(process(target.id()), directory / "core", {.frozen_copy = true});
    BOOST_TEST(!summary.frozen_copy);
    BOOST_TEST(summary.frozen_copy_refusal.find("RLIMIT_NPROC") != std::string::npos);
    BOOST_TEST(summary.threads == 1u);
}

BOOST_AUTO_TEST_CASE(a_saved_capture_tells_that_it_is_of_a_frozen_copy) {
    const pages area(1);
    const test::child_process target;
    const test::scratch_directory directory;
    const process_snapshot s = process_snapshot::capture(process(target.id()), frozen({area.range()}));
    s.save(directory / "saved");
    const process_snapshot loaded = process_snapshot::load(directory / "saved");
    BOOST_TEST(loaded.frozen_copy());
    BOOST_TEST(loaded.paused());
    BOOST_TEST(loaded.pause_time().count() == s.pause_time().count());
}

BOOST_AUTO_TEST_CASE(gdb_shows_the_backtraces_of_a_frozen_copy, *boost::unit_test::precondition(test::with_gdb)) {
    const test::core_process target;
    const std::string paused = target.directory().path() + "/paused";
    const std::string frozen = target.directory().path() + "/frozen";
    vmio::write_core(process(target.id()), std::filesystem::path(paused));
    written_core(process(target.id()), frozen, {});
    const auto frames_of = [](const std::string& path) {
        return test::lines_with(test::gdb(" -ex 'thread apply all bt' " VMIO_CORE_TARGET " " + path), "#");
    };
    const auto frames = frames_of(paused);
    BOOST_TEST(frames.size() > 10u);
    BOOST_TEST(frames_of(frozen) == frames, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
