// SPDX-License-Identifier: BSL-1.0
/// Core files that are made to hurt, or have lost their end.
#include <algorithm>
#include <numeric>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>

#include "support/core_parts.hpp"

using test::core_64;
using vmio::core_memory;

namespace {

constexpr std::size_t many = 70'000;

/// Notes, and so many segments of a byte each at the end of the file, whose section header is at the very end: as the
/// kernel writes it.
core_64 core_of_many() {
    core_64 parts;
    parts.add_note("CORE", NT_PRSTATUS, std::vector<std::byte>(336, std::byte{1}));
    const std::size_t notes_size = parts.rest.size();
    const std::size_t notes_at = sizeof(Elf64_Ehdr) + (many + 1) * sizeof(Elf64_Phdr);
    Elf64_Phdr& notes = parts.add(0, 0, 0, notes_size);
    notes.p_type = PT_NOTE;
    notes.p_offset = notes_at;
    for (std::size_t i = 0; i < many; ++i)
        parts.add(0x10000 + 0x2000 * i, 0x1000, 0, 1).p_offset = notes_at + notes_size + i;
    parts.rest.resize(notes_size + many, std::byte{2});
    Elf64_Shdr section{};
    section.sh_info = many + 1;
    parts.header.e_phnum = PN_XNUM;
    parts.header.e_shentsize = sizeof section;
    parts.header.e_shoff = notes_at + parts.rest.size();
    const auto bytes = std::as_bytes(std::span(&section, 1));
    parts.rest.insert(parts.rest.end(), bytes.begin(), bytes.end());
    return parts;
}

core_memory opened(const std::vector<std::byte>& bytes) {
    const test::scratch_directory directory;
    test::write_file(directory / "core", bytes);
    return core_memory::open(directory / "core");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_name_of_many_segments_takes_no_more_memory_than_the_file) {
    core_64 parts;
    parts.add_file(0x1000, std::uint64_t{1} << 46, "/" + std::string(500'000, 'a'));
    parts.add_notes();
    for (std::size_t i = 0; i < 9000; ++i) parts.add(0x10000 + i * 0x2000, 0x1000, 0, 0);
    std::vector<std::byte> bytes = parts.bytes();
    // The notes follow the table, which is longer than data_offset.
    Elf64_Phdr notes = parts.segments.front();
    notes.p_offset = bytes.size() - parts.rest.size();
    std::memcpy(bytes.data() + sizeof(Elf64_Ehdr), &notes, sizeof notes);
    const core_memory core = opened(bytes);
    BOOST_TEST(core.mappings().size() > 9000u);
    std::size_t held = 0;
    for (const vmio::mapping& m : core.mappings()) held += m.name.size();
    BOOST_TEST(held > 500'000u);
    BOOST_TEST(held <= bytes.size());
}

BOOST_AUTO_TEST_CASE(a_core_that_has_lost_the_number_of_its_segments_opens) {
    std::vector<std::byte> bytes = core_of_many().bytes();
    {
        const core_memory whole = opened(bytes);
        BOOST_TEST(whole.mappings().size() == many);
        BOOST_TEST(!whole.cut_off());
    }
    bytes.resize(bytes.size() - 1);
    {
        const core_memory core = opened(bytes);
        BOOST_TEST(core.mappings().size() == many);
        BOOST_TEST(core.ranges().size() == many);
        BOOST_TEST(core.threads().size() == 1u);
        BOOST_TEST(core.cut_off());
    }
    bytes.resize(bytes.size() - sizeof(Elf64_Shdr) - many / 2);
    const core_memory core = opened(bytes);
    BOOST_TEST(core.mappings().size() == many);
    BOOST_TEST(core.ranges().size() < many);
    BOOST_TEST(core.ranges().size() > many / 3);
    BOOST_TEST(core.threads().size() == 1u);
    BOOST_TEST(core.cut_off());
}
