// SPDX-License-Identifier: BSL-1.0
/// Captured processes that are saved and loaded.
#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string>
#include <vector>

#include <elf.h>
#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/file_error.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/snapshot.hpp>
#include <vmio/snapshot_diff.hpp>

#include "base/crc32.hpp"
#include "capture/process_snapshot_format.hpp"
#include "processes/child.hpp"
#include "snapshot/snapshot_format.hpp"
#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/kernel_features.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/resources.hpp"

using test::mapped;
using test::pages;
using test::says;
using vmio::address_range;
using vmio::process;
using vmio::process_snapshot;
using vmio::detail::capture_record;

namespace format = vmio::detail::process_snapshot_format;

namespace {

const std::size_t page = vmio::page_size();
using ranges = std::vector<address_range>;

process_snapshot captured(const process& target, ranges chosen) {
    vmio::capture_options options;
    options.ranges = std::move(chosen);
    return process_snapshot::capture(target, options);
}

void check_equal(const process_snapshot& a, const process_snapshot& b) {
    BOOST_TEST(std::ranges::equal(a.ranges(), b.ranges()));
    BOOST_TEST(std::ranges::equal(a.stored(), b.stored()));
    BOOST_TEST(std::ranges::equal(a.gaps(), b.gaps()));
    BOOST_TEST(std::ranges::equal(a.map(), b.map()));
    for (const vmio::mapping& m : a.map()) BOOST_TEST(std::ranges::equal(a.build_id(m), b.build_id(m)));
    BOOST_TEST(a.process_id() == b.process_id());
    BOOST_TEST((a.time() == b.time()));
    BOOST_TEST(a.paused() == b.paused());
    BOOST_TEST(a.program() == b.program());
    BOOST_TEST(a.arguments() == b.arguments());
    BOOST_TEST(std::ranges::equal(a.auxiliary_vector(), b.auxiliary_vector()));
    BOOST_TEST((a.threads() == b.threads()));
    BOOST_TEST(vmio::diff(a, b).empty());
}

/// Or else refused for what it says.
bool is_loaded(const std::filesystem::path& path, const std::vector<std::byte>& bytes) {
    test::write_file(path, bytes);
    try {
        process_snapshot::load(path);
        return true;
    } catch (const vmio::file_error& e) {
        BOOST_TEST(e.code().value() == EBADMSG);
        return false;
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_whole_process_is_loaded_as_it_was_saved,
                     *boost::unit_test::precondition(test::has_guard_pages)) {
    test::directory directory;
    pages memory(50);
    BOOST_REQUIRE(::madvise(memory.data() + 2 * page, page, 102) == 0);  // a guard page
    const mapped sparse(std::size_t{1} << 14);
    sparse.write(1 << 13);
    const test::child_process child;
    vmio::capture_options options;
    for (const bool pause : {false, true}) {
        options.pause = pause;
        const process_snapshot s = process_snapshot::capture(process(child.id()), options);
        s.save(directory / "saved");
        const process_snapshot loaded = process_snapshot::load(directory / "saved");
        check_equal(s, loaded);
        BOOST_TEST(loaded.memory_used() == s.memory_used());
        BOOST_TEST(loaded.threads().size() == (pause ? 1u : 0u));
        BOOST_TEST(!loaded.program().empty());
        BOOST_TEST(!loaded.auxiliary_vector().empty());
        BOOST_TEST(std::filesystem::file_size(directory / "saved") < s.memory_used() + (std::uint64_t{1} << 16));
        const vmio::cow_view view = loaded.view({memory.page(3), memory.page(50)});
        BOOST_TEST(test::is_pattern(memory.page(3), view.bytes()));
    }
}

BOOST_AUTO_TEST_CASE(a_saved_process_is_for_its_owner_alone) {
    test::directory directory;
    const process_snapshot s = captured(process::self(), {});
    s.save(directory / "saved");
    BOOST_TEST((std::filesystem::status(directory / "saved").permissions() == std::filesystem::perms(0600)));
}

BOOST_AUTO_TEST_CASE(an_empty_capture_and_one_of_gaps_are_saved_too) {
    test::directory directory;
    pages memory(3);
    memory.make_hole(1);
    vmio::capture_options nothing;
    nothing.regions.wanted = [](const vmio::mapping&) { return false; };
    const process_snapshot empty = process_snapshot::capture(process::self(), nothing);
    BOOST_TEST(empty.ranges().empty());
    for (const process_snapshot& s : {empty, captured(process::self(), {{memory.page(1), memory.page(2)}})}) {
        s.save(directory / "saved");
        check_equal(s, process_snapshot::load(directory / "saved"));
    }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_saved_process_is_refused) {
    test::directory directory;
    const auto path = directory / "file";
    const auto is_foreign = says(EINVAL, "not a saved process");
    for (const std::size_t size : {0, 7, 8, 5000}) {
        test::write_file(path, std::vector<std::byte>(size, std::byte{'v'}));
        BOOST_CHECK_EXCEPTION(process_snapshot::load(path), vmio::file_error, is_foreign);
    }
    vmio::snapshot::zeroed(page).save(path);
    BOOST_CHECK_EXCEPTION(process_snapshot::load(path), vmio::file_error, is_foreign);
    const pages memory(1);
    captured(process::self(), {memory.range()}).save(path);
    BOOST_CHECK_EXCEPTION(vmio::snapshot::load(path), vmio::file_error, says(EINVAL, "not a saved snapshot"));
    auto bytes = test::read_file(path);
    bytes[8] = std::byte{4};
    test::write_file(path, bytes);
    BOOST_CHECK_EXCEPTION(process_snapshot::load(path), vmio::file_error, says(EOPNOTSUPP, "version"));
    BOOST_CHECK_EXCEPTION(process_snapshot::load("/dev/zero"), vmio::file_error, says(EINVAL, "not a regular file"));
    BOOST_CHECK_EXCEPTION(process_snapshot::load(directory / "none"), vmio::file_error, says(ENOENT, ""));
    BOOST_CHECK_EXCEPTION(captured(process::self(), {memory.range()}).save(directory / "no/such"), vmio::file_error,
                          says(ENOENT, ""));
}

BOOST_AUTO_TEST_CASE(every_damaged_byte_and_every_missing_end_is_noticed) {
    test::directory directory;
    const auto path = directory / "file";
    const pages memory(2);
    const process_snapshot s = captured(process::self(), {memory.range()});
    s.save(path);
    test::check_that_damage_is_noticed(path, [](const auto& p) { process_snapshot::load(p); });
    check_equal(s, process_snapshot::load(path));
}

BOOST_AUTO_TEST_CASE(records_that_lie_are_refused_whatever_their_checksum) {
    test::directory directory;
    const auto path = directory / "file";
    const auto loads = [&](const ranges& regions, const ranges& stored, const ranges& gaps, const ranges& mappings,
                           std::size_t data) {
        capture_record record;
        record.stored = stored;
        for (const address_range& r : gaps) record.gaps.push_back({r, vmio::gap_reason::unmapped});
        std::vector<vmio::mapping> list;
        for (const address_range& r : mappings) list.emplace_back().range = r;
        record.map = vmio::memory_map::from_mappings(list);
        record.build_ids.resize(list.size());
        vmio::detail::crc32 checksum;
        const std::vector<std::byte> zeros(data);
        checksum.add(zeros);
        auto bytes = format::encoded(record, regions, checksum.value());
        bytes.resize(bytes.size() + data);
        return is_loaded(path, bytes);
    };
    const vmio::address most = std::numeric_limits<vmio::address>::max();
    BOOST_TEST(loads({{10, 20}, {20, 30}}, {{15, 25}}, {{12, 13}}, {{0, 5}}, 10));  // in order, and of no page size
    BOOST_TEST(!loads({{10, 20}}, {{15, 25}}, {}, {}, 10));
    BOOST_TEST(!loads({{10, 20}}, {{5, 15}}, {}, {}, 10));
    BOOST_TEST(!loads({{10, 20}, {30, 40}}, {{15, 35}}, {}, {}, 20));
    BOOST_TEST(!loads({{10, 20}}, {{15, 20}, {12, 15}}, {}, {}, 8));
    BOOST_TEST(!loads({{10, 20}}, {{15, 15}}, {}, {}, 0));
    BOOST_TEST(!loads({{10, 20}, {15, 25}}, {}, {}, {}, 0));
    BOOST_TEST(!loads({{10, 10}}, {}, {}, {}, 0));
    BOOST_TEST(!loads({{10, 20}}, {{15, 20}}, {}, {}, 4));
    BOOST_TEST(!loads({{10, 20}}, {{15, 20}}, {}, {}, 6));
    BOOST_TEST(!loads({{10, 20}}, {}, {{12, 14}, {13, 15}}, {}, 0));
    BOOST_TEST(loads({{10, 20}}, {{15, 20}}, {{12, 15}}, {}, 5));
    BOOST_TEST(!loads({{10, 20}}, {{15, 20}}, {{12, 16}}, {}, 5));
    BOOST_TEST(!loads({{10, 20}, {30, 40}}, {{10, 12}, {30, 32}}, {{15, 31}}, {}, 4));
    BOOST_TEST(!loads({{0, most}}, {}, {}, {}, 0));
    BOOST_TEST(!loads({{0, most / 2}, {most / 2 + 10, most}}, {}, {}, {}, 0));
}

BOOST_AUTO_TEST_CASE(mappings_that_lie_are_refused_whatever_their_checksum) {
    test::directory directory;
    const auto path = directory / "file";
    capture_record record;
    std::vector<vmio::mapping> list(2);
    list[0].range = {0x111111, 0x222222};
    list[1].range = {0x333333, 0x444444};
    record.map = vmio::memory_map::from_mappings(list);
    record.build_ids.resize(list.size());
    const auto loads_with_its_second_from = [&](vmio::address start) {
        auto bytes = format::encoded(record, {}, 0);
        std::array<std::byte, 8> before;
        vmio::detail::put_little_endian(before.data(), vmio::address{0x333333});
        const auto place = std::search(bytes.begin(), bytes.end(), before.begin(), before.end());
        BOOST_REQUIRE((place != bytes.end()));
        vmio::detail::put_little_endian(&*place, start);
        vmio::detail::crc32 checksum;
        checksum.add(std::span<const std::byte>(bytes).subspan(format::start_of_checked));
        vmio::detail::put_little_endian(bytes.data() + 12, checksum.value());
        return is_loaded(path, bytes);
    };
    BOOST_TEST(loads_with_its_second_from(0x222222));
    BOOST_TEST(!loads_with_its_second_from(0x222221));
    BOOST_TEST(!loads_with_its_second_from(0x444444));
}

BOOST_AUTO_TEST_CASE(a_file_of_version_1_is_loaded_without_the_numbers_of_the_process) {
    constexpr std::size_t size_of_numbers = 36 + 8;  // and of the pause time
    const test::directory directory;
    capture_record record;
    record.program = "old";
    record.numbers.parent = 5;
    auto bytes = format::encoded(record, {}, 0);
    bytes.resize(bytes.size() - size_of_numbers);
    bytes[8] = std::byte{1};
    vmio::detail::put_little_endian(&bytes[16], std::uint64_t{bytes.size() - format::header_size});
    vmio::detail::crc32 checksum;
    checksum.add(std::span<const std::byte>(bytes).subspan(format::start_of_checked));
    vmio::detail::put_little_endian(&bytes[12], checksum.value());
    test::write_file(directory / "old", bytes);
    BOOST_TEST(process_snapshot::load(directory / "old").program() == "old");
}

BOOST_AUTO_TEST_CASE(an_address_space_of_other_pages_is_loaded) {
    test::directory directory;
    const auto path = directory / "file";
    const ranges regions{{0x1100, 0x1300}, {0x1400, 0x2400}};
    capture_record record;
    record.process_id = 7;
    record.stored = regions;
    std::vector<std::byte> data(0x1200);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = test::pattern((i < 0x200 ? 0x1100 : 0x1200) + i);
    vmio::detail::crc32 checksum;
    checksum.add(data);
    auto bytes = format::encoded(record, regions, checksum.value());
    bytes.insert(bytes.end(), data.begin(), data.end());
    test::write_file(path, bytes);
    const process_snapshot s = process_snapshot::load(path);
    BOOST_TEST(std::ranges::equal(s.ranges(), regions));
    for (const address_range& r : regions) {
        std::vector<std::byte> got(r.size());
        s.read(r.start(), got);
        BOOST_TEST(test::is_pattern(r.start(), got));
    }
    if (page == 0x1000) BOOST_CHECK_THROW(s.view({0x1000, 0x2000}), std::out_of_range);
}

BOOST_AUTO_TEST_CASE(registers_of_another_word_size_are_kept_and_make_no_core) {
    test::directory directory;
    const auto path = directory / "file";
    capture_record record;
    record.process_id = 7;
    record.threads.push_back({7, 0, {{NT_PRSTATUS, std::vector<std::byte>(68)}, {99, {}}}});
    test::write_file(path, format::encoded(record, {}, 0));
    const process_snapshot s = process_snapshot::load(path);
    BOOST_TEST((s.threads() == record.threads));
    BOOST_CHECK_EXCEPTION(s.save_core(directory / "core"), vmio::memory_error,
                          [](const vmio::memory_error& e) { return e.code().value() == EOPNOTSUPP; });
    BOOST_TEST(!std::filesystem::exists(directory / "core"));
}
