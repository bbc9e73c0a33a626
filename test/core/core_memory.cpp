// SPDX-License-Identifier: BSL-1.0
#include <vmio/core_memory.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <thread>

#include <elf.h>
#include <sys/stat.h>
#include <sys/user.h>

#include <boost/test/unit_test.hpp>

#include <vmio/file_error.hpp>
#include <vmio/memory.hpp>
#include <vmio/memory_device.hpp>

#include "processes/core_process.hpp"
#include "support/core_parts.hpp"
#include "support/files.hpp"
#include "support/pages.hpp"
#include "support/scratch.hpp"

using test::core_32;
using test::core_64;
using vmio::address;
using vmio::address_range;
using vmio::core_memory;
using vmio::gap_reason;
using vmio::memory_gap;

static_assert(vmio::memory_reader<const core_memory>);

namespace {

std::vector<std::byte> numbered(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = test::pattern(i);
    return bytes;
}

/// What a try to read `size` bytes there gives, or none after an error, which must be `error`.
std::vector<std::byte> read_some(const core_memory& core, address where, std::size_t size, int error = 0) {
    std::vector<std::byte> bytes(size);
    std::error_code ec;
    bytes.resize(core.read_some(where, bytes, ec));
    BOOST_TEST(ec.value() == error);
    BOOST_TEST(bytes.empty() == (error != 0));
    return bytes;
}

int error_of_opening(const std::filesystem::path& path) {
    try {
        core_memory::open(path);
        return 0;
    } catch (const vmio::file_error& e) {
        BOOST_TEST(e.path() == path);
        return e.code().value();
    }
}

void expect_the_target(const core_memory& core, const test::core_process& target) {
    BOOST_TEST(core.process_id() == target.id());
    BOOST_TEST(core.program() == "core_target");
    BOOST_TEST(core.threads().size() == 3u);
    BOOST_TEST(core.threads().front().id == target.id());
    for (const auto& thread : core.threads()) {
        BOOST_TEST(thread.get<user_regs_struct>(NT_PRSTATUS).has_value());
        BOOST_TEST(!thread.bytes(NT_PRFPREG).empty());
    }
    BOOST_TEST(core.word_size() == sizeof(void*));
    BOOST_TEST((read_some(core, target.page(5), 3 * vmio::page_size()) == target.expected(5, 8)));
    bool named = false;
    for (const vmio::mapping& m : core.mappings()) named = named || m.name == VMIO_CORE_TARGET;
    BOOST_TEST(named);
    BOOST_TEST(core.auxiliary_vector().size() % (2 * sizeof(void*)) == 0u);
    BOOST_TEST(!core.auxiliary_vector().empty());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_core_written_by_the_kernel_is_read, *boost::unit_test::precondition(test::with_kernel_cores)) {
    test::core_process target;
    const auto path = target.dump_core();
    BOOST_REQUIRE(!path.empty());
    const core_memory core = core_memory::open(path);
    expect_the_target(core, target);
    BOOST_TEST((read_some(core, target.page(0), 2 * vmio::page_size()) == target.expected(0, 2)));
    BOOST_TEST(core.arguments().ends_with("core_target one two three"));
    BOOST_TEST(core.signal() == SIGABRT);
    BOOST_TEST(!core.cut_off());
    // Of the program's code at most the first page.
    const auto code = std::find_if(core.mappings().begin(), core.mappings().end(), [](const vmio::mapping& m) {
        return m.name == VMIO_CORE_TARGET && m.perms.execute;
    });
    BOOST_REQUIRE((code != core.mappings().end()));
    read_some(core, code->range.start() + vmio::page_size(), 1, EFAULT);
    BOOST_TEST(std::count_if(core.gaps().begin(), core.gaps().end(), [&](const memory_gap& g) {
                   return g.range.contains(code->range.start() + vmio::page_size()) &&
                          g.reason == gap_reason::not_dumped;
               }) == 1);
}

BOOST_AUTO_TEST_CASE(a_core_written_by_gcore_is_read, *boost::unit_test::precondition(test::with_gdb)) {
    const test::core_process target;
    const std::string id = std::to_string(target.id());
    test::output_of("gcore -o " + target.directory().path() + "/made " + id);
    const core_memory core = core_memory::open(target.directory() / ("made." + id));
    expect_the_target(core, target);  // but for what lies in one mapping with a guard page: zeros in gcore's
    BOOST_TEST(core.arguments().starts_with(VMIO_CORE_TARGET));
    BOOST_TEST(!core.cut_off());
}

BOOST_AUTO_TEST_CASE(a_truncated_core_opens_with_the_part_that_is_present,
                     *boost::unit_test::precondition(test::with_kernel_cores)) {
    test::core_process target;
    const auto path = target.dump_core();
    BOOST_REQUIRE(!path.empty());
    const core_memory whole = core_memory::open(path);
    const std::uint64_t size = std::filesystem::file_size(path);
    std::size_t opened = 0;
    for (std::uint64_t left = size; left > 100; left = left * 9 / 10) {
        std::filesystem::resize_file(path, left);
        if (error_of_opening(path) == EBADMSG) continue;
        ++opened;
        const core_memory core = core_memory::open(path);
        BOOST_TEST(core.cut_off() == (left < size));
        BOOST_TEST(core.mappings().size() <= whole.mappings().size());
        std::uint64_t readable = 0;
        for (const address_range& r : core.ranges()) {
            readable += r.size();
            read_some(core, r.end() - 1, 1);
        }
        BOOST_TEST(readable <= left);
        if (left < size) BOOST_TEST(core.gaps().size() > 0u);
    }
    BOOST_TEST(opened > 10u);
}

BOOST_AUTO_TEST_CASE(segments_are_put_together_where_they_touch) {
    core_64 parts;
    parts.rest = numbered(0x4000);
    parts.add(0x3000, 0x1000, 0x2000, 0x1000);
    parts.add(0x2000, 0x1000, 0x1000, 0x1000);
    parts.add(0x4000, 0x1000, 0x0000, 0x1000);
    parts.add(0x8000, 0x1000, 0x3000, 0x1000);
    const core_memory core = parts.open();
    BOOST_TEST(core.ranges() == (std::vector<address_range>{{0x2000, 0x5000}, {0x8000, 0x9000}}),
               boost::test_tools::per_element());
    BOOST_TEST(core.gaps().empty());
    std::vector<std::byte> expected(parts.rest.begin() + 0x1800, parts.rest.begin() + 0x3000);
    expected.insert(expected.end(), parts.rest.begin(), parts.rest.begin() + 0x1000);
    BOOST_TEST((read_some(core, 0x2800, 0x10000) == expected));
    read_some(core, 0x1fff, 2, EFAULT);
    read_some(core, 0x5000, 1, EFAULT);
    read_some(core, 0x9000, 1, EFAULT);
    read_some(core, std::numeric_limits<address>::max(), 1, EFAULT);
    std::error_code ec = std::make_error_code(std::errc::io_error);
    BOOST_TEST(core.read_some(0, {}, ec) == 0u);
    BOOST_TEST(!ec);
}

BOOST_AUTO_TEST_CASE(holes_of_the_file_are_not_stored_and_zero) {
    constexpr std::size_t much = 0x400000;
    core_64 parts;
    parts.rest = numbered(0x10000);
    parts.add(0x1000000, much, 0, much);
    parts.add(0x8000000, much, 0, much);  // the same bytes, as in no real file
    const test::scratch_directory directory;
    test::write_file(directory / "core", parts.bytes());
    std::filesystem::resize_file(directory / "core", core_64::data_offset + much);
    std::fstream(directory / "core", std::ios::in | std::ios::out | std::ios::binary)
        .seekp(core_64::data_offset + much / 2)
        .put('x');
    const core_memory core = core_memory::open(directory / "core");
    const std::vector<address_range> stored = core.stored();
    BOOST_TEST(
        (core.ranges() == std::vector<address_range>{{0x1000000, 0x1000000 + much}, {0x8000000, 0x8000000 + much}}));
    BOOST_REQUIRE(stored.size() == 3u);
    BOOST_TEST(stored[0].contains(address_range(0x1000000, 0x1010000)));
    BOOST_TEST(stored[0].end() <= 0x1000000 + much / 4);
    BOOST_TEST(stored[1].contains(0x1000000 + much / 2));
    BOOST_TEST(stored[1].size() <= much / 4);
    BOOST_TEST((stored[2] == address_range(0x8000000, 0x8000000 + much)));
    BOOST_TEST((read_some(core, 0x1000000 + much / 2, 2) == std::vector{std::byte{'x'}, std::byte{0}}));
}

BOOST_AUTO_TEST_CASE(memory_that_a_segment_lacks_is_a_gap_and_not_zeros) {
    core_64 parts;
    parts.rest = numbered(0x1800);
    parts.add(0x1000, 0x3000, 0, 0x1000);
    parts.add(0x4000, 0x1000, 0, 0);
    parts.add(0x5000, 0x2000, 0x1000, 0x1000);  // of which half is there
    const core_memory core = parts.open();
    BOOST_TEST((core.ranges() == std::vector<address_range>{{0x1000, 0x2000}, {0x5000, 0x5800}}));
    BOOST_TEST((core.gaps() == std::vector<memory_gap>{{{0x2000, 0x5000}, gap_reason::not_dumped},
                                                       {{0x5800, 0x6000}, gap_reason::cut_off},
                                                       {{0x6000, 0x7000}, gap_reason::not_dumped}}));
    BOOST_TEST(core.cut_off());
    BOOST_TEST(read_some(core, 0x1800, 0x1000).size() == 0x800u);
    read_some(core, 0x2000, 1, EFAULT);
    read_some(core, 0x5800, 1, EFAULT);
    vmio::memory_device device(core, {0x2000, 0x3000});
    char byte;
    BOOST_CHECK_EXCEPTION(device.read(&byte, 1), vmio::memory_error, [&](const vmio::memory_error& e) {
        return e.operation() == std::string("read of a core file") && e.where() == 0x2000u &&
               e.code().value() == EFAULT;
    });
}

BOOST_AUTO_TEST_CASE(the_lower_of_overlapping_segments_wins) {
    core_64 parts;
    parts.rest = numbered(0x6000);
    parts.add(0x1000, 0x3000, 0, 0x3000);
    parts.add(0x2000, 0x1000, 0x3000, 0x1000);  // inside
    parts.add(0x3000, 0x2000, 0x4000, 0x2000);  // half of it beyond
    const core_memory core = parts.open();
    std::vector<std::byte> expected(parts.rest.begin(), parts.rest.begin() + 0x3000);
    expected.insert(expected.end(), parts.rest.begin() + 0x5000, parts.rest.end());
    BOOST_TEST((read_some(core, 0x1000, 0x10000) == expected));
}

BOOST_AUTO_TEST_CASE(a_core_of_a_32_bit_program_is_read) {
    core_32 parts;
    parts.rest = numbered(0x1000);
    const auto word = [&](std::size_t at, std::uint32_t value) { std::memcpy(&parts.rest[at], &value, 4); };
    parts.add(0xfffff000, 0xfff, 0, 0x100);
    Elf32_Phdr& notes = parts.add(0, 0, 0x200, 12 + 8 + 144 + 12 + 8 + 33);
    notes.p_type = PT_NOTE;
    const auto note = [&](std::size_t at, std::uint32_t size, std::uint32_t type) {
        word(at, 5);
        word(at + 4, size);
        word(at + 8, type);
        std::memcpy(&parts.rest[at + 12], "CORE\0\0\0", 8);
    };
    note(0x200, 72 + 68 + 4, NT_PRSTATUS);
    word(0x214 + 12, SIGSEGV);
    word(0x214 + 24, 1234);
    note(0x2a4, 33, NT_FILE);
    for (const std::uint32_t value : {1u, 4096u, 0xfffff000u, 0xffffffffu, 3u}) {
        static std::size_t at = 0x2b8;
        word(at, value);
        at += 4;
    }
    std::memcpy(&parts.rest[0x2cc], "/a (deleted)", 13);
    const core_memory core = parts.open();
    BOOST_TEST(core.word_size() == 4u);
    BOOST_TEST(core.machine() == unsigned{EM_386});
    BOOST_TEST(core.process_id() == 1234);
    BOOST_TEST(core.signal() == SIGSEGV);
    BOOST_TEST(core.threads().front().bytes(NT_PRSTATUS).size() == 68u);
    BOOST_REQUIRE(core.mappings().size() == 1u);
    vmio::mapping expected;
    expected.range = {0xfffff000, 0xffffffff};
    expected.perms.read = expected.perms.write = true;
    expected.offset = 3 * 4096;
    expected.name = "/a";
    expected.deleted = true;
    BOOST_TEST(core.mappings().front() == expected);
    BOOST_TEST(read_some(core, 0xfffff080, 0x1000).size() == 0x80u);
}

BOOST_AUTO_TEST_CASE(a_mapped_file_without_a_segment_is_a_mapping_and_a_gap) {
    core_64 parts;
    parts.add(0x3000, 0x1000, 0, 0);
    const std::uint64_t words[]{1, 4096, 0x2000, 0x6000, 1};
    const std::size_t size = sizeof words + 3;
    const std::uint32_t head[]{5, size, NT_FILE};
    parts.rest.resize(20 + size);
    std::memcpy(&parts.rest[0], head, sizeof head);
    std::memcpy(&parts.rest[12], "CORE", 5);
    std::memcpy(&parts.rest[20], words, sizeof words);
    std::memcpy(&parts.rest[20 + sizeof words], "/b", 3);
    parts.add(0, 0, 0, parts.rest.size()).p_type = PT_NOTE;
    const core_memory core = parts.open();
    BOOST_TEST(!core.cut_off());
    BOOST_TEST((core.gaps() == std::vector<memory_gap>{{{0x2000, 0x6000}, gap_reason::not_dumped}}));
    BOOST_REQUIRE(core.mappings().size() == 3u);
    for (const vmio::mapping& m : core.mappings()) {
        BOOST_TEST(m.name == "/b");
        BOOST_TEST(m.offset == m.range.start() - 0x1000);
        BOOST_TEST(m.perms.read == (m.range.start() == 0x3000));
    }
    BOOST_TEST(core.mappings()[2].range == address_range(0x4000, 0x6000));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_core_is_refused_with_a_reason) {
    const test::scratch_directory directory;
    BOOST_TEST(error_of_opening(directory / "none") == ENOENT);
    BOOST_TEST(error_of_opening(directory.path()) == EINVAL);
    BOOST_REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
    BOOST_TEST(error_of_opening(directory / "fifo") == EINVAL);
    test::write_file(directory / "empty", {});
    BOOST_TEST(error_of_opening(directory / "empty") == EINVAL);
    BOOST_TEST(error_of_opening("/proc/self/exe") == EINVAL);
    constexpr unsigned char xz[]{0xfd, '7', 'z', 'X', 'Z'};
    test::write_file(directory / "packed", std::as_bytes(std::span(xz)));
    std::filesystem::resize_file(directory / "packed", 100);
    try {
        core_memory::open(directory / "packed");
        BOOST_TEST(false);
    } catch (const vmio::file_error& e) {
        BOOST_TEST(std::string(e.what()).ends_with("packed: it is compressed: unpack it first"));
    }
}

BOOST_AUTO_TEST_CASE(headers_that_make_no_sense_are_refused) {
    constexpr std::uint64_t top = std::numeric_limits<std::uint64_t>::max();
    core_64 parts;
    BOOST_TEST(parts.error() == 0);  // of nothing
    core_64 other = parts;
    other.header.e_ident[EI_DATA] = ELFDATANONE;
    BOOST_TEST(other.error() == EOPNOTSUPP);
    other = parts;
    other.header.e_ident[EI_CLASS] = 7;
    BOOST_TEST(other.error() == EOPNOTSUPP);
    other = parts;
    other.header.e_phentsize = 32;
    BOOST_TEST(other.error() == EBADMSG);
    other = parts;
    other.header.e_phnum = 100;  // 5600 bytes
    BOOST_TEST(other.error() == EBADMSG);
    other = parts;
    other.header.e_phoff = top - 10;
    other.header.e_phnum = 1;
    BOOST_TEST(other.error() == EBADMSG);
    other = parts;
    other.header.e_phnum = PN_XNUM;
    BOOST_TEST(other.error() == EBADMSG);
    other.header.e_shoff = top;
    other.header.e_shentsize = sizeof(Elf64_Shdr);
    BOOST_TEST(other.error() == EBADMSG);
    other = parts;
    other.add(top - 10, 20, 0, 0);
    BOOST_TEST(other.error() == EBADMSG);
    other = parts;
    other.add(0, 20, top - 5000, 1000);
    BOOST_TEST(other.error() == EBADMSG);
    other = parts;
    other.add(0, 20, std::uint64_t{1} << 62, 20);  // merely far beyond the end
    BOOST_TEST(other.error() == 0);
    BOOST_TEST(other.open().cut_off());
}

BOOST_AUTO_TEST_CASE(notes_that_are_named_again_and_again_are_not_kept_as_often) {
    core_64 parts;
    const auto add_note = [&](std::uint32_t type, std::uint32_t size) {
        const Elf64_Nhdr header{sizeof "CORE", size, type};
        const std::size_t at = parts.rest.size();
        parts.rest.resize(at + sizeof header + 8 + size);
        std::memcpy(&parts.rest[at], &header, sizeof header);
        std::memcpy(&parts.rest[at + sizeof header], "CORE", sizeof "CORE");
    };
    add_note(NT_PRSTATUS, 336);
    for (int i = 0; i < 1000; ++i) add_note(NT_SIGINFO, 0);
    for (int i = 0; i < 50; ++i) parts.add(0, 0, 0, parts.rest.size()).p_type = PT_NOTE;
    const core_memory core = parts.open();
    BOOST_TEST(!core.cut_off());
    std::size_t sets = 0;
    for (const vmio::thread_registers& thread : core.threads()) sets += thread.sets.size();
    BOOST_TEST(sets > 1000u);
    BOOST_TEST(sets < 3000u);
}

BOOST_AUTO_TEST_CASE(a_file_that_becomes_shorter_gives_an_error) {
    core_64 parts;
    parts.rest = numbered(0x2000);
    parts.add(0x1000, 0x2000, 0, 0x2000);
    const test::scratch_directory directory;
    test::write_file(directory / "core", parts.bytes());
    const core_memory core = core_memory::open(directory / "core");
    std::filesystem::resize_file(directory / "core", core_64::data_offset + 0x1000);
    BOOST_TEST(read_some(core, 0x1000, 0x2000).size() == 0x1000u);
    read_some(core, 0x2000, 1, EIO);
}

BOOST_AUTO_TEST_CASE(copies_share_the_file_and_may_be_read_by_many_threads) {
    core_64 parts;
    parts.rest = numbered(0x10000);
    parts.add(0x1000, 0x10000, 0, 0x10000);
    std::optional<core_memory> first = parts.open();
    const core_memory copy = *first;
    first.reset();
    std::vector<std::thread> readers;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 4; ++t)
        readers.emplace_back([&, mine = copy] {
            for (std::size_t i = 0; i < 500; ++i) {
                std::byte bytes[64];
                std::error_code ec;
                const std::size_t at = i * 97 % 0xff00;
                if (mine.read_some(0x1000 + at, bytes, ec) != 64 || !test::is_pattern(at, bytes)) ++wrong;
            }
        });
    for (std::thread& t : readers) t.join();
    BOOST_TEST(wrong == 0);
}
