// SPDX-License-Identifier: BSL-1.0
/// Captured processes as core files.
#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>
#include <sstream>

#include <sys/mman.h>

#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/file_error.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_snapshot.hpp>

#include "processes/core_process.hpp"
#include "support/files.hpp"
#include "support/mapped.hpp"

using vmio::address;
using vmio::address_range;
using vmio::core_memory;
using vmio::gap_reason;
using vmio::process;
using vmio::process_snapshot;

namespace {

process_snapshot paused(const test::core_process& target) {
    vmio::capture_options options;
    options.pause = true;
    return process_snapshot::capture(process(target.id()), options);
}

std::optional<gap_reason> gap_at(const std::vector<vmio::memory_gap>& gaps, address a) {
    for (const vmio::memory_gap& gap : gaps)
        if (gap.range.contains(a)) return gap.reason;
    return std::nullopt;
}

void check_same_memory(const core_memory& core, const process_snapshot& s) {
    BOOST_TEST(std::ranges::equal(core.ranges(), s.ranges()));
    for (const address_range& range : s.ranges()) {
        std::vector<std::byte> expected(range.size());
        std::vector<std::byte> found(range.size());
        s.read(range.start(), expected);
        std::error_code ec;
        BOOST_TEST(core.read_some(range.start(), found, ec) == found.size());
        BOOST_TEST((found == expected));
    }
}

/// As gdb shows it, behind a mark.
std::string gdb(const std::string& arguments) {
    const std::string text = test::output_of(
        "gdb -nx -batch -iex 'set debuginfod enabled off' "
        "-ex 'echo [[' -ex 'thread apply all bt' -ex 'info registers' " +
        arguments);
    return text.substr(std::min(text.find("[["), text.size()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_core_of_a_paused_capture_holds_what_the_process_held) {
    const test::core_process target;
    const auto path = target.directory() / "saved";
    const process_snapshot s = paused(target);
    const vmio::core_summary summary = s.save_core(path);
    BOOST_TEST(summary.size == std::filesystem::file_size(path));
    BOOST_TEST(summary.threads == 3u);
    BOOST_TEST((std::filesystem::status(path).permissions() == std::filesystem::perms(0600)));

    const core_memory core = core_memory::open(path);
    BOOST_TEST(core.process_id() == target.id());
    BOOST_TEST(core.program() == "core_target");
    BOOST_TEST(core.arguments().ends_with("core_target one two three"));
    BOOST_TEST(s.arguments() == core.arguments());
    BOOST_TEST(!core.auxiliary_vector().empty());
    BOOST_TEST(std::ranges::equal(core.auxiliary_vector(), s.auxiliary_vector()));
    target.wait_until_all_wait();
    const vmio::pause_guard guard{process(target.id())};
    BOOST_TEST((core.threads() == guard.registers()));
    BOOST_TEST((core.threads() == s.threads()));

    check_same_memory(core, s);
    std::vector<std::byte> letters(2 * vmio::page_size());
    std::error_code ec;
    BOOST_TEST(core.read_some(target.page(0), letters, ec) == letters.size());
    BOOST_TEST((letters == target.expected(0, 2)));
    std::size_t files = 0;
    for (const vmio::mapping& m : core.mappings()) {
        const vmio::mapping* const captured = s.map().find(m.range.start());
        BOOST_REQUIRE(captured != nullptr);
        if (!captured->name.starts_with('/')) continue;
        ++files;
        BOOST_TEST(m.name == captured->name);
        BOOST_TEST(m.offset == captured->offset + (m.range.start() - captured->range.start()));
    }
    BOOST_TEST(files > 4u);
}

BOOST_AUTO_TEST_CASE(uncaptured_ranges_are_named_with_the_reason) {
    const test::core_process target;
    const auto path = target.directory() / "saved";
    const auto gaps = paused(target).save_core(path).gaps;
    if (target.has_guard()) BOOST_TEST((gap_at(gaps, target.page(2)) == gap_reason::guard_page));
    BOOST_TEST(!gap_at(gaps, target.page(3)).has_value());
    BOOST_TEST((gap_at(gaps, target.page(4)) == gap_reason::no_permission));

    vmio::capture_options one;
    one.ranges = {{target.page(5), target.page(6)}};
    const process_snapshot s = process_snapshot::capture(process(target.id()), one);
    const auto most = s.save_core(path).gaps;
    check_same_memory(core_memory::open(path), s);
    BOOST_TEST(!gap_at(most, target.page(5)).has_value());
    BOOST_TEST((gap_at(most, target.page(0)) == gap_reason::not_dumped));
    BOOST_TEST((gap_at(most, target.page(4)) == gap_reason::no_permission));
    BOOST_TEST((gap_at(most, target.page(6)) == gap_reason::not_dumped));
    for (std::size_t i = 1; i < most.size(); ++i) BOOST_TEST(most[i - 1].range.end() <= most[i].range.start());
}

BOOST_AUTO_TEST_CASE(a_stream_gets_the_same_bytes_as_a_file_also_after_a_load_and_packed) {
    const test::core_process target;
    const std::string directory = target.directory().path();
    vmio::capture_options options;
    for (const bool pause : {false, true}) {
        options.pause = pause;
        const process_snapshot s = process_snapshot::capture(process(target.id()), options);
        BOOST_TEST(s.save_core(directory + "/core").threads == (pause ? 3u : 0u));
        const std::vector<std::byte> file = test::read_file(directory + "/core");
        const std::string expected(reinterpret_cast<const char*>(file.data()), file.size());
        s.save(directory + "/saved");
        std::ostringstream plain;
        process_snapshot::load(directory + "/saved").save_core(plain);
        BOOST_TEST((plain.str() == expected));

        std::stringstream packed;
        {
            boost::iostreams::filtering_ostream out;
            out.push(boost::iostreams::gzip_compressor());
            out.push(packed);
            s.save_core(out);
        }
        BOOST_TEST(packed.str().size() < expected.size() / 2);
        boost::iostreams::filtering_istream in;
        in.push(boost::iostreams::gzip_decompressor());
        in.push(packed);
        BOOST_TEST((std::string{std::istreambuf_iterator<char>(in), {}} == expected));
    }
}

BOOST_AUTO_TEST_CASE(zeros_take_no_room_on_the_disk) {
    const test::mapped memory((std::size_t{1} << 30) / vmio::page_size());
    memory.write(0);
    vmio::capture_options options;
    options.ranges = {memory.range()};
    const test::scratch_directory directory;
    const auto path = directory / "core";
    const process_snapshot s = process_snapshot::capture(process::self(), options);
    BOOST_TEST(s.save_core(path).size > std::size_t{1} << 30);
    BOOST_TEST(test::disk_size(path) < std::uint64_t{1} << 20);
}

BOOST_AUTO_TEST_CASE(a_core_that_cannot_be_written_is_an_error) {
    const process_snapshot s = process_snapshot::capture(process::self());
    std::ofstream full("/dev/full");
    BOOST_CHECK_EXCEPTION(s.save_core(full), vmio::memory_error,
                          [](const vmio::memory_error& e) { return e.code().value() == ENOSPC; });
    BOOST_CHECK_THROW(s.save_core("/no/such/place"), vmio::file_error);
}

BOOST_AUTO_TEST_CASE(gdb_shows_the_backtraces_of_the_moment, *boost::unit_test::precondition(test::with_gdb)) {
    std::string live;
    const test::scratch_directory directory;
    const std::string path = directory / "core";
    {
        const test::core_process target;
        paused(target).save(directory / "saved");
        target.wait_until_all_wait();
        live = gdb("-p " + std::to_string(target.id()));
    }
    process_snapshot::load(directory / "saved").save_core(path);
    const std::string dead = gdb(VMIO_CORE_TARGET " " + path);
    BOOST_TEST(test::lines_with(live, "#").size() > 10u);
    BOOST_TEST(test::lines_with(dead, "#") == test::lines_with(live, "#"), boost::test_tools::per_element());
    BOOST_TEST(test::lines_with(dead, "r") == test::lines_with(live, "r"), boost::test_tools::per_element());
    BOOST_TEST(dead.find("wait_for_command") != dead.npos);
}

BOOST_AUTO_TEST_CASE(progress_is_reported_and_may_end_the_writing) {
    const test::core_process target;
    const auto path = target.directory() / "saved";
    const process_snapshot s = paused(target);
    std::uint64_t last = 0;
    std::uint64_t total = 0;
    std::size_t calls = 0;
    const vmio::core_progress see = [&](std::uint64_t done, std::uint64_t all) {
        BOOST_TEST(done >= last);
        last = done;
        total = all;
        ++calls;
    };
    const std::uint64_t size = s.save_core(path, see).size;
    BOOST_TEST((last == size && total == size && calls > 2));
    const vmio::core_progress end = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("enough"); };
    BOOST_CHECK_THROW(s.save_core(path, end), std::runtime_error);
    BOOST_TEST(std::filesystem::file_size(path) == size);  // the old one
    std::ostringstream out;
    BOOST_CHECK_THROW(s.save_core(out, end), std::runtime_error);
}
