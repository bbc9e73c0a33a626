// SPDX-License-Identifier: BSL-1.0
#include "core/core_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include <elf.h>
#include <sys/mman.h>
#include <sys/user.h>

#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/file_error.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/read_past_gaps.hpp>
#include <vmio/write_core.hpp>

#include "processes/core_process.hpp"
#include "support/files.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"

using test::gdb;
using vmio::address;
using vmio::address_range;
using vmio::core_memory;
using vmio::core_options;
using vmio::gap_reason;
using vmio::process;

namespace {

std::vector<std::byte> read_all(const core_memory& core, const address_range& range) {
    std::vector<std::byte> bytes(range.size());
    std::error_code ec;
    BOOST_TEST(core.read_some(range.start(), bytes, ec) == bytes.size());
    BOOST_TEST(!ec);
    return bytes;
}

void write_image(const vmio::detail::core_image& image, address at, std::span<const std::byte> bytes,
                 const std::filesystem::path& path) {
    vmio::detail::file_core_sink file(path);
    const vmio::core_progress none;
    vmio::detail::core_writer writer(image, file, none);
    writer.put(at, bytes);
    writer.finish();
    file.finish();
}

std::string dump_command(const std::filesystem::path& to, const address_range& range) {
    std::ostringstream command;
    command << " -ex 'dump binary memory " << to.string() << std::hex << " 0x" << range.start() << " 0x" << range.end()
            << '\'';
    return command.str();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_core_holds_what_the_process_holds) {
    const test::core_process target;
    const auto path = target.directory().path() + "/written";
    const vmio::core_summary summary = write_core(process(target.id()), path);
    BOOST_TEST(summary.size == std::filesystem::file_size(path));
    BOOST_TEST(summary.threads == 3u);
    const core_memory core = core_memory::open(path);
    BOOST_TEST(core.process_id() == target.id());
    BOOST_TEST(core.program() == "core_target");
    BOOST_TEST(core.arguments().ends_with("core_target one two three"));
    BOOST_TEST(core.signal() == 0);
    BOOST_TEST(!core.cut_off());

    const vmio::process_memory live{process(target.id()), {.method = vmio::transfer_method::proc_mem}};
    for (const address_range& range : core.ranges()) {
        std::vector<std::byte> expected(range.size());
        const auto holes = vmio::read_past_gaps(live, range.start(), expected);
        BOOST_TEST((read_all(core, range) == expected));
        for (const auto& hole : holes) BOOST_TEST((hole.reason == gap_reason::past_end_of_file));
    }
    BOOST_TEST((read_all(core, {target.page(0), target.page(2)}) == target.expected(0, 2)));
    BOOST_TEST((read_all(core, {target.page(5), target.page(8)}) == target.expected(5, 8)));
    BOOST_TEST(test::all_equal(read_all(core, {target.page(3), target.page(4)}), std::byte{}));
    BOOST_TEST((core.auxiliary_vector().size() > 0));
}

BOOST_AUTO_TEST_CASE(unreadable_memory_is_omitted_and_reported) {
    const test::core_process target;
    const auto path = target.directory().path() + "/written";
    core_options options;
    options.read_protected = false;
    const auto summary = write_core(process(target.id()), path, options);
    const core_memory core = core_memory::open(path);
    const auto told = [&](const vmio::memory_gap& gap) {
        return std::find(summary.gaps.begin(), summary.gaps.end(), gap) != summary.gaps.end();
    };
    std::byte byte;
    std::error_code ec;
    if (target.has_guard()) {
        BOOST_TEST(told({{target.page(2), target.page(3)}, gap_reason::guard_page}));
        BOOST_TEST(core.read_some(target.page(2), std::span(&byte, 1), ec) == 0u);
        BOOST_TEST(ec.value() == EFAULT);
    }
    BOOST_TEST(told({{target.page(4), target.page(5)}, gap_reason::no_permission}));
    BOOST_TEST(core.read_some(target.page(4), std::span(&byte, 1), ec) == 0u);
    BOOST_TEST(ec.value() == EFAULT);
}

BOOST_AUTO_TEST_CASE(mappings_of_files_keep_their_names_and_offsets) {
    const test::core_process target;
    const auto path = target.directory().path() + "/written";
    write_core(process(target.id()), path);
    const core_memory core = core_memory::open(path);
    const auto map = vmio::memory_map::load(process(target.id()));
    std::size_t files = 0;
    for (const vmio::mapping& m : core.mappings()) {
        const vmio::mapping* const live = map.find(m.range.start());
        BOOST_REQUIRE(live != nullptr);
        BOOST_TEST((m.perms.read == live->perms.read && m.perms.write == live->perms.write &&
                    m.perms.execute == live->perms.execute));
        if (!live->name.starts_with('/')) continue;
        ++files;
        BOOST_TEST(m.name == live->name);
        BOOST_TEST(m.offset == live->offset + (m.range.start() - live->range.start()));
        BOOST_TEST(m.deleted == live->deleted);
    }
    BOOST_TEST(files > 4u);
}

BOOST_AUTO_TEST_CASE(registers_are_those_of_the_stopped_threads) {
    const test::core_process target;
    const auto path = target.directory().path() + "/written";
    write_core(process(target.id()), path);
    const core_memory core = core_memory::open(path);
    target.wait_until_all_wait();
    const vmio::pause_guard guard{process(target.id())};
    const auto live = guard.registers();
    BOOST_TEST(live.size() == 3u);
    BOOST_TEST((core.threads() == live));
    BOOST_TEST(live.front().id == target.id());
    const auto general = live.front().get<user_regs_struct>(NT_PRSTATUS);
    BOOST_REQUIRE(general.has_value());
#ifdef __x86_64__
    BOOST_TEST(vmio::memory_map::load(process(target.id())).find(general->rip) != nullptr);
    BOOST_TEST(!live.front().bytes(NT_X86_XSTATE).empty());
#endif
    BOOST_TEST(!live.front().bytes(NT_PRFPREG).empty());
}

BOOST_AUTO_TEST_CASE(a_stream_gets_the_same_bytes_as_a_file) {
    const test::core_process target;
    const auto path = target.directory().path() + "/written";
    write_core(process(target.id()), path);
    const std::vector<std::byte> file = test::read_file(path);
    std::ostringstream plain;
    target.wait_until_all_wait();
    write_core(process(target.id()), plain);
    BOOST_TEST((plain.str() == std::string(reinterpret_cast<const char*>(file.data()), file.size())));

    std::stringstream packed;
    {
        boost::iostreams::filtering_ostream out;
        out.push(boost::iostreams::gzip_compressor());
        out.push(packed);
        target.wait_until_all_wait();
        write_core(process(target.id()), out);
    }
    BOOST_TEST(packed.str().size() < file.size() / 2);
    boost::iostreams::filtering_istream in;
    in.push(boost::iostreams::gzip_decompressor());
    in.push(packed);
    const std::string unpacked{std::istreambuf_iterator<char>(in), {}};
    BOOST_TEST((unpacked == plain.str()));
}

BOOST_AUTO_TEST_CASE(zeros_take_no_room_on_the_disk_and_no_memory_of_the_target) {
    constexpr std::size_t size = std::size_t{4} << 30;
    const test::mapped zeros(size / vmio::page_size());
    zeros.data()[size / 2] = 'x';
    const test::child_process child;
    const test::scratch_directory directory;
    const auto path = directory / "written";
    core_options options;
    const address at = zeros.start();
    options.wanted = [at](const vmio::mapping& m) { return m.range.contains(at); };
    const auto summary = write_core(process(child.id()), path, options);
    BOOST_TEST(summary.size > size);
    BOOST_TEST(test::disk_size(path) < std::uint64_t{16} << 20);
    std::vector<std::byte> bytes(3);
    std::error_code ec;
    BOOST_TEST(core_memory::open(path).read_some(at + size / 2 - 1, bytes, ec) == 3u);
    BOOST_TEST((bytes == std::vector{std::byte{}, std::byte{'x'}, std::byte{}}));
}

BOOST_AUTO_TEST_CASE(unwanted_and_dontdump_memory_is_only_named) {
    test::pages secret(2);
    test::pages open(2);
    BOOST_REQUIRE(::madvise(secret.data(), secret.size(), MADV_DONTDUMP) == 0);
    const test::child_process child;
    const test::scratch_directory directory;
    const auto path = directory / "written";
    const auto size_in_core = [&](const core_options& options, address a) {
        write_core(process(child.id()), path, options);
        const core_memory core = core_memory::open(path);
        std::vector<std::byte> bytes(open.size());
        std::error_code ec;
        return core.read_some(a, bytes, ec);
    };
    core_options options;
    options.wanted = [](const vmio::mapping& m) { return !m.file_backed(); };
    BOOST_TEST(size_in_core(options, secret.start()) == 0u);
    BOOST_TEST(size_in_core(options, open.start()) == open.size());
    options.skip_dontdump = false;
    options.wanted = [&](const vmio::mapping& m) { return m.range.contains(secret.start()); };
    BOOST_TEST(size_in_core(options, secret.start()) == secret.size());
    BOOST_TEST(size_in_core(options, open.start()) == 0u);
}

BOOST_AUTO_TEST_CASE(this_process_can_be_written_while_it_runs) {
    std::ostringstream out;
    core_options options;
    options.pause = false;
    options.wanted = [](const vmio::mapping& m) { return m.name == "[stack]"; };
    const auto summary = write_core(process::self(), out, options);
    BOOST_TEST(summary.threads == 0u);
    BOOST_TEST(out.str().size() == summary.size);
    BOOST_CHECK_THROW(write_core(process::self(), out), vmio::memory_error);
}

BOOST_AUTO_TEST_CASE(memory_that_vanishes_during_the_writing_is_reported) {
    test::pages memory(7);
    for (const std::size_t i : {1, 3, 5}) memory.make_hole(i);
    bool first = true;
    core_options options;
    options.pause = false;
    options.read_protected = false;
    options.wanted = [&](const vmio::mapping& m) { return m.range.overlaps(memory.range()); };
    options.progress = [&](std::uint64_t, std::uint64_t) {
        if (std::exchange(first, false)) {
            memory.make_hole(2);
            test::must(::munmap(memory.data() + 4 * vmio::page_size(), vmio::page_size()) == 0, "munmap");
        }
    };
    std::ostringstream out;
    std::vector<vmio::memory_gap> found;
    for (const vmio::memory_gap& gap : write_core(process::self(), out, options).gaps)
        if (gap.range.overlaps(memory.range())) found.push_back(gap);
    const std::vector<vmio::memory_gap> expected{{{memory.page(1), memory.page(4)}, gap_reason::no_permission},
                                                 {{memory.page(4), memory.page(5)}, gap_reason::unmapped},
                                                 {{memory.page(5), memory.page(6)}, gap_reason::no_permission}};
    BOOST_TEST((found == expected));
}

BOOST_AUTO_TEST_CASE(progress_is_reported_and_may_end_the_writing) {
    const test::core_process target;
    const auto path = target.directory().path() + "/written";
    test::write_file(path, std::vector<std::byte>(3));
    std::uint64_t last = 0;
    std::uint64_t total = 0;
    core_options options;
    options.progress = [&](std::uint64_t done, std::uint64_t all) {
        BOOST_TEST(done >= last);
        last = done;
        total = all;
    };
    const auto summary = write_core(process(target.id()), path, options);
    BOOST_TEST(last == summary.size);
    BOOST_TEST(total == summary.size);
    options.progress = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("enough"); };
    BOOST_CHECK_THROW(write_core(process(target.id()), path, options), std::runtime_error);
    BOOST_TEST(std::filesystem::file_size(path) == summary.size);  // the old one
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(target.directory().path())) ++files;
    BOOST_TEST(files == 1u);
}

BOOST_AUTO_TEST_CASE(a_stream_that_fails_is_an_error) {
    const test::core_process target;
    std::ofstream full("/dev/full");
    BOOST_CHECK_THROW(write_core(process(target.id()), full), vmio::memory_error);
    BOOST_CHECK_THROW(write_core(process(target.id()), std::filesystem::path("/no/such/place")), vmio::file_error);
}

BOOST_AUTO_TEST_CASE(a_core_may_have_more_segments_than_the_header_can_count) {
    vmio::detail::core_image image;
    const std::size_t page = vmio::page_size();
    constexpr std::size_t count = 70'000;
    image.process_id = 7;
    for (std::size_t i = 1; i <= count; ++i) {
        vmio::mapping& m = image.mappings.emplace_back();
        m.range = address_range::of_size(2 * i * page, page);
        m.perms.read = true;
        if (i != count) image.left_out.push_back(m.range);
    }
    std::vector<std::byte> bytes(page, std::byte{'x'});
    const test::scratch_directory directory;
    const auto path = directory / "many";
    write_image(image, 2 * count * page, bytes, path);
    const core_memory core = core_memory::open(path);
    BOOST_TEST(core.mappings().size() == count);
    BOOST_TEST(core.ranges().size() == 1u);
    BOOST_TEST((read_all(core, core.ranges().front()) == bytes));
    BOOST_TEST(core.process_id() == 7);
}

BOOST_AUTO_TEST_CASE(a_core_that_no_file_can_hold_is_refused_before_any_memory_is_read) {
    vmio::detail::core_image image;
    image.mappings.emplace_back().range = {vmio::page_size(), std::uint64_t{1} << 62};
    const test::scratch_directory directory;
    vmio::detail::file_core_sink file(directory / "written");
    const vmio::core_progress none;
    BOOST_CHECK_EXCEPTION(vmio::detail::core_writer(image, file, none), vmio::file_error,
                          [](const vmio::file_error& e) { return e.code().value() == EFBIG; });
}

BOOST_AUTO_TEST_CASE(bytes_outside_of_segments_are_skipped) {
    const std::size_t page = vmio::page_size();
    vmio::detail::core_image image;
    for (const std::size_t i : {2, 3, 6}) image.mappings.emplace_back().range = {i * page, (i + 1) * page};
    image.left_out = {{3 * page, 4 * page}};
    std::vector<std::byte> bytes(10 * page);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = test::pattern(i);
    const test::scratch_directory directory;
    const auto path = directory / "written";
    write_image(image, 0, bytes, path);
    const core_memory core = core_memory::open(path);
    BOOST_TEST((core.ranges() == std::vector<address_range>{{2 * page, 3 * page}, {6 * page, 7 * page}}));
    for (const address_range& range : core.ranges()) BOOST_TEST(test::is_pattern(range.start(), read_all(core, range)));
}

BOOST_AUTO_TEST_CASE(gdb_shows_the_same_backtraces_as_live, *boost::unit_test::precondition(test::with_gdb)) {
    const test::core_process target;
    const auto path = target.directory().path() + "/written";
    write_core(process(target.id()), path);
    const std::string show = " -ex 'echo [[' -ex 'thread apply all bt' -ex 'info registers'";
    const auto shown = [](const std::string& text) { return text.substr(std::min(text.find("[["), text.size())); };
    target.wait_until_all_wait();
    const std::string live = shown(gdb("-p " + std::to_string(target.id()) + show));
    const std::string dead = shown(gdb(show + " " VMIO_CORE_TARGET " " + path));
    const auto frames = test::lines_with(live, "#");
    BOOST_TEST(frames.size() > 10u);
    BOOST_TEST(test::lines_with(dead, "#") == frames, boost::test_tools::per_element());
    BOOST_TEST(dead.find("wait_for_command") != dead.npos);
    BOOST_TEST(test::lines_with(dead, "r") == test::lines_with(live, "r"), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(gdb_reads_the_same_memory_as_live, *boost::unit_test::precondition(test::with_gdb)) {
    const test::core_process target;
    const std::string directory = target.directory().path();
    write_core(process(target.id()), directory + "/written");
    const core_memory core = core_memory::open(directory + "/written");
    std::string live;
    std::string dead;
    for (std::size_t i = 0; i < core.ranges().size(); ++i) {
        live += dump_command(directory + "/live" + std::to_string(i), core.ranges()[i]);
        dead += dump_command(directory + "/dead" + std::to_string(i), core.ranges()[i]);
    }
    gdb("-p " + std::to_string(target.id()) + live);
    gdb(dead + " -c " + directory + "/written");
    for (std::size_t i = 0; i < core.ranges().size(); ++i) {
        const auto one = test::read_file(directory + "/live" + std::to_string(i));
        BOOST_TEST(one.size() == core.ranges()[i].size());
        BOOST_TEST((one == test::read_file(directory + "/dead" + std::to_string(i))));
        BOOST_TEST((one == read_all(core, core.ranges()[i])));
    }
}
