// SPDX-License-Identifier: BSL-1.0
/// Core files of machines of either byte order.
#include <bit>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include <boost/endian/buffers.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/file_error.hpp>
#include <vmio/open_memory.hpp>

#include "core/built_core.hpp"
#include "support/files.hpp"
#include "support/scratch.hpp"

using test::built_core;
using vmio::core_memory;

namespace {

struct machine {
    const char* name;
    unsigned number;
    std::uint32_t flags;
    unsigned word_size;
    std::endian order;
    std::size_t thread_id_at;  // in NT_PRSTATUS
    std::size_t registers_at;
    std::size_t register_size;  // of all
    std::size_t note_size;
};
std::ostream& operator<<(std::ostream& out, const machine& m) {
    return out << m.name;
}

constexpr std::uint32_t mips_n32 = 0x20;

// The sizes are those of the kernels' own cores.
constexpr machine machines[]{
    {"x86-64", EM_X86_64, 0, 8, std::endian::little, 32, 112, 27 * 8, 336},
    {"i386", EM_386, 0, 4, std::endian::little, 24, 72, 17 * 4, 144},
    {"ppc64", EM_PPC64, 0, 8, std::endian::big, 32, 112, 48 * 8, 504},
    {"ppc", EM_PPC, 0, 4, std::endian::big, 24, 72, 48 * 4, 268},
    {"s390x", EM_S390, 0, 8, std::endian::big, 32, 112, 27 * 8, 336},
    {"s390", EM_S390, 0, 4, std::endian::big, 24, 72, 36 * 4, 224},
    {"sparc64", EM_SPARCV9, 0, 8, std::endian::big, 32, 112, 36 * 8, 408},
    {"mips n32", EM_MIPS, mips_n32, 4, std::endian::big, 24, 72, 45 * 8, 440},
    {"mips o32", EM_MIPS, 0, 4, std::endian::big, 24, 72, 45 * 4, 256},
    {"armeb", EM_ARM, 0, 4, std::endian::big, 24, 72, 18 * 4, 148},
    {"m68k", EM_68K, 0, 4, std::endian::big, 22, 70, 20 * 4, 154},
};

constexpr std::uint64_t base = 0x40000000;
constexpr std::size_t page = 4096;

std::vector<std::byte> numbered(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
    return bytes;
}

/// One thread, one mapped file, and two segments, the second of which is only partly in the file.
built_core core_of(const machine& m) {
    built_core core;
    core.machine = m.number;
    core.flags = m.flags;
    core.word_size = m.word_size;
    core.order = m.order;
    test::ordered_bytes status = core.words();
    status.integer(SIGSEGV).integer(0).integer(0).half(SIGSEGV).zeros(m.thread_id_at - 14).integer(4321);
    status.zeros(m.registers_at - status.size()).append(numbered(m.register_size));
    status.zeros(m.note_size - status.size());
    core.add_note(NT_PRSTATUS, status.bytes());
    test::ordered_bytes process = core.words();
    process.zeros(4 + core.word_size + 8).integer(1234).integer(1).integer(1234).integer(1);
    process.text("program", 16).text("program one two ", 80);
    core.add_note(NT_PRPSINFO, process.bytes());
    test::ordered_bytes vector = core.words();
    core.add_note(NT_AUXV, vector.word(6).word(page).word(0).word(0).bytes());
    test::ordered_bytes files = core.words();
    files.word(1).word(page).word(base).word(base + 2 * page).word(5).text("/lib/some", 10);
    core.add_note(NT_FILE, files.bytes());
    core.segments = {{base, page, numbered(page)}, {base + 4 * page, 2 * page, numbered(100)}};
    return core;
}

core_memory opened(const std::vector<std::byte>& bytes) {
    const test::scratch_directory directory;
    test::write_file(directory / "core", bytes);
    return core_memory::open(directory / "core");
}

void expect_all(const core_memory& core, const machine& m) {
    BOOST_TEST((core.byte_order() == m.order));
    BOOST_TEST(core.word_size() == m.word_size);
    BOOST_TEST(core.machine() == m.number);
    BOOST_TEST(!core.cut_off());
    BOOST_TEST(core.process_id() == 1234);
    BOOST_TEST(core.program() == "program");
    BOOST_TEST(core.arguments() == "program one two");
    BOOST_TEST(core.signal() == SIGSEGV);
    BOOST_REQUIRE(core.threads().size() == 1u);
    BOOST_TEST(core.threads()[0].id == 4321);
    const auto registers = core.threads()[0].bytes(NT_PRSTATUS);
    BOOST_TEST((std::vector(registers.begin(), registers.end()) == numbered(m.register_size)));
    BOOST_TEST(core.auxiliary_vector().size() == 4 * m.word_size);
    using range = vmio::address_range;
    BOOST_TEST((core.ranges() == std::vector{range{base, base + page}, range{base + 4 * page, base + 4 * page + 100}}));
    using gap = vmio::memory_gap;
    constexpr auto not_dumped = vmio::gap_reason::not_dumped;
    BOOST_TEST((core.gaps() == std::vector{gap{{base + page, base + 2 * page}, not_dumped},
                                           gap{{base + 4 * page + 100, base + 6 * page}, not_dumped}}));
    BOOST_REQUIRE(core.mappings().size() == 3u);
    BOOST_TEST(core.mappings()[0].name == "/lib/some");
    BOOST_TEST(core.mappings()[0].offset == 5 * page);
    BOOST_TEST(core.mappings()[0].perms.write);
    BOOST_TEST(!core.mappings()[0].perms.execute);
    std::vector<std::byte> bytes(page);
    std::error_code ec;
    BOOST_TEST(core.read_some(base, bytes, ec) == page);
    BOOST_TEST((bytes == numbered(page)));
}

}  // namespace

BOOST_DATA_TEST_CASE(a_core_of_any_machine_is_read, boost::unit_test::data::make(machines), m) {
    built_core core = core_of(m);
    expect_all(opened(core.bytes()), m);
    core.count_in_section = true;
    expect_all(opened(core.bytes()), m);
}

BOOST_DATA_TEST_CASE(a_truncated_core_of_any_machine_has_what_is_left, boost::unit_test::data::make(machines), m) {
    built_core core = core_of(m);
    core.count_in_section = true;
    std::vector<std::byte> bytes = core.bytes();
    const std::size_t section_size = m.word_size == 8 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
    bytes.resize(bytes.size() - section_size - 10);
    const core_memory left = opened(bytes);
    BOOST_TEST(left.cut_off());
    BOOST_TEST(left.process_id() == 1234);
    BOOST_REQUIRE(left.ranges().size() == 2u);
    BOOST_TEST(left.ranges()[1].size() == 90u);
    bytes.resize(40);
    BOOST_CHECK_THROW(opened(bytes), vmio::file_error);
}

BOOST_AUTO_TEST_CASE(a_memory_tells_the_byte_order_and_the_word_size_of_its_core) {
    const test::scratch_directory directory;
    const std::string path = directory / "core";
    test::write_file(path, core_of(machines[3]).bytes());
    const vmio::any_memory memory = vmio::open_memory(path);
    BOOST_TEST((memory.byte_order() == std::endian::big));
    BOOST_TEST(memory.word_size() == 4u);
    BOOST_TEST((memory.within({base, base + 8}).byte_order() == std::endian::big));
    BOOST_TEST(memory.read_value<boost::endian::big_uint32_buf_t>(base + 1).value() == 0x070e151cu);
}
