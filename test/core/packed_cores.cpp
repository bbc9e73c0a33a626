// SPDX-License-Identifier: BSL-1.0
/// Core files that are packed.
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/file_error.hpp>
#include <vmio/memory_device.hpp>
#include <vmio/memory_stream.hpp>
#include <vmio/open_memory.hpp>
#include <vmio/packing_stream.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_core.hpp>

#include "core/built_core.hpp"
#include "packed/packed_tools.hpp"
#include "processes/core_process.hpp"
#include "support/scratch.hpp"

using vmio::core_memory;
using bytes = std::vector<std::byte>;

namespace {

constexpr std::size_t data_size = 3'000'000;

test::built_core a_core() {
    test::built_core core;
    test::ordered_bytes status = core.words();
    status.zeros(12).half(6).zeros(18).integer(77).zeros(112 - 36).append(test::mixed_bytes(216)).zeros(8);
    core.add_note(NT_PRSTATUS, status.bytes());
    core.segments = {{0x10000, 0x1000, test::mixed_bytes(0x1000)},
                     {0x100000, data_size + 0x1000, test::mixed_bytes(data_size)}};
    return core;
}

void expect_equal(const core_memory& packed, const core_memory& plain) {
    BOOST_TEST((packed.ranges() == plain.ranges()));
    BOOST_TEST((packed.gaps() == plain.gaps()));
    BOOST_TEST((packed.mappings() == plain.mappings()));
    BOOST_TEST((packed.threads() == plain.threads()));
    BOOST_TEST(packed.process_id() == plain.process_id());
    BOOST_TEST(packed.cut_off() == plain.cut_off());
    for (const vmio::address_range& r : plain.ranges()) {
        bytes here(static_cast<std::size_t>(r.size()));
        bytes there(here.size());
        std::error_code ec;
        BOOST_TEST(plain.read_some(r.start(), here, ec) == here.size());
        BOOST_TEST(packed.read_some(r.start(), there, ec) == there.size());
        BOOST_TEST((here == there));
    }
}

int error_of_opening(const std::string& path) {
    try {
        core_memory::open(path);
        return 0;
    } catch (const vmio::file_error& e) {
        return e.code().value();
    }
}

/// A core packed in all ways.
struct packed_cores {
    test::scratch_directory directory;
    std::string plain = directory / "plain";
    std::vector<std::string> packed{directory / "framed", directory / "zst", directory / "gz"};

    explicit packed_cores(const bytes& core) {
        test::write_file(plain, core);
        test::pack(core, packed[0]);
        BOOST_REQUIRE(test::runs("zstd -q " + plain + " -o " + packed[1]));
        BOOST_REQUIRE(test::runs("gzip -c " + plain + " >" + packed[2]));
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(packed_cores_of_all_kinds, *boost::unit_test::precondition(test::with_packers))

BOOST_AUTO_TEST_CASE(a_packed_core_is_the_same_memory_as_the_plain_one) {
    for (const bool count_in_section : {false, true}) {
        test::built_core core = a_core();
        core.count_in_section = count_in_section;
        const packed_cores files(core.bytes());
        const core_memory plain = core_memory::open(files.plain);
        BOOST_TEST(plain.ranges().size() == 2u);
        for (const std::string& path : files.packed) expect_equal(core_memory::open(path), plain);
    }
}

BOOST_AUTO_TEST_CASE(a_packed_core_is_opened_by_its_name_alone) {
    const packed_cores files(a_core().bytes());
    const bytes expected = test::mixed_bytes(data_size);
    for (const std::string& path : files.packed)
        for (const std::string& spelling : {path, "core:" + path, path + "#0x100000+1M"}) {
            vmio::memory_istream<vmio::any_memory> s(vmio::open_memory(spelling), 0x100000 + 500'000);
            const std::vector<std::byte> some = s.read_values<std::byte>(100'000);
            BOOST_TEST(some.size() == 100'000u);
            BOOST_TEST(std::equal(some.begin(), some.end(), expected.begin() + 500'000));
        }
}

BOOST_AUTO_TEST_CASE(a_running_process_is_packed_and_read_again, *boost::unit_test::precondition(test::with_gdb)) {
    const test::core_process target;
    const std::filesystem::path packed = target.directory() / "packed";
    const std::filesystem::path unpacked = target.directory() / "unpacked";
    const vmio::process process(target.id());
    {
        std::ofstream file(packed, std::ios::binary);
        vmio::packing_ostream out(file);
        BOOST_TEST(write_core(process, out).threads == 3u);
        out.finish();
    }
    BOOST_TEST(test::runs("zstd -d " + packed.string() + " -o " + unpacked.string()));
    expect_equal(core_memory::open(packed), core_memory::open(unpacked));
    const std::string threads = test::gdb("-c " + unpacked.string() + " -ex 'info threads' " + VMIO_CORE_TARGET);
    BOOST_TEST(std::count(threads.begin(), threads.end(), '\n') >= 3);
    BOOST_TEST(threads.find("LWP " + std::to_string(target.id())) != std::string::npos);

    vmio::capture_options paused;
    paused.pause = true;
    const auto kept = vmio::process_snapshot::capture(process, paused);
    {
        std::ofstream file(packed, std::ios::binary);
        vmio::packing_ostream out(file);
        kept.save_core(out);
        out.finish();
    }
    kept.save_core(unpacked);
    expect_equal(core_memory::open(packed), core_memory::open(unpacked));
}

BOOST_AUTO_TEST_CASE(a_packed_core_whose_end_is_missing_is_refused) {
    const packed_cores files(a_core().bytes());
    for (const std::string& path : files.packed)
        for (std::uintmax_t size = std::filesystem::file_size(path) - 1; size > 4; size /= 3) {
            std::filesystem::resize_file(path, size);
            BOOST_TEST(error_of_opening(path) == EBADMSG);
        }
}

BOOST_AUTO_TEST_CASE(a_truncated_core_that_was_packed_has_what_is_left) {
    bytes core = a_core().bytes();
    core.resize(core.size() - 1'000'000);
    const packed_cores files(core);
    const core_memory plain = core_memory::open(files.plain);
    BOOST_TEST(plain.cut_off());
    for (const std::string& path : files.packed) expect_equal(core_memory::open(path), plain);
}

BOOST_AUTO_TEST_CASE(a_damaged_frame_is_an_error_where_it_is_read) {
    const packed_cores files(a_core().bytes());
    bytes content = test::read_file(files.packed[0]);
    content[content.size() / 2] ^= std::byte{1};
    test::write_file(files.packed[0], content);
    const core_memory core = core_memory::open(files.packed[0]);
    std::size_t damaged = 0;
    for (vmio::address at = 0x100000; at < 0x100000 + data_size; at += 100'000) {
        std::byte byte;
        std::error_code ec;
        if (core.read_some(at, std::span(&byte, 1), ec) == 1) continue;
        BOOST_TEST(ec.value() == EBADMSG);
        ++damaged;
    }
    BOOST_TEST(damaged > 0u);
    BOOST_TEST(damaged < 5u);
}

BOOST_AUTO_TEST_CASE(more_than_the_program_headers_say_is_not_unpacked) {
    bytes core = a_core().bytes();
    core.resize(core.size() + 100'000'000);
    const packed_cores files(core);
    for (const std::string& path : {files.packed[1], files.packed[2]}) BOOST_TEST(error_of_opening(path) == EBADMSG);
    const bytes no_core(100'000'000, std::byte{'x'});
    const packed_cores others(no_core);
    for (const std::string& path : others.packed) BOOST_TEST(error_of_opening(path) == EINVAL);
}

BOOST_AUTO_TEST_CASE(a_table_of_segments_that_only_unpacks_to_much_is_refused) {
    // 60,000 segments, of which the file itself has a few hundred bytes: as many as 1024 times its size are believed.
    test::built_core core;
    core.segments.assign(60'000, {0x1000, 0x1000, {}});
    const packed_cores files(core.bytes());
    BOOST_TEST(std::filesystem::file_size(files.packed[0]) * 1024 < core.bytes().size());
    BOOST_TEST(error_of_opening(files.packed[0]) == EBADMSG);
    BOOST_TEST(error_of_opening(files.plain) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
