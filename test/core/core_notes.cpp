// SPDX-License-Identifier: BSL-1.0
/// What NT_PRSTATUS, NT_PRPSINFO, NT_SIGINFO and other notes hold: read, and written as gcore writes them.
#include <algorithm>
#include <csignal>
#include <map>

#include <link.h>
#include <sys/procfs.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_core.hpp>

#include "processes/core_process.hpp"
#include "support/core_parts.hpp"

using vmio::core_memory;

#ifndef EF_MIPS_ABI2
#define EF_MIPS_ABI2 0x20
#endif

namespace {

/// The number of bytes of the general registers in a core of 32-bit words with an NT_PRSTATUS of that size.
std::size_t size_of_registers(unsigned machine, unsigned flags, std::size_t size_of_note) {
    test::core_32 parts;
    parts.header.e_machine = static_cast<Elf32_Half>(machine);
    parts.header.e_flags = flags;
    parts.add_note("CORE", NT_PRSTATUS, std::vector<std::byte>(size_of_note));
    parts.add_notes();
    const core_memory core = parts.open();
    BOOST_REQUIRE(core.threads().size() == 1u);
    return core.threads().front().bytes(NT_PRSTATUS).size();
}

/// The notes of a file of our word size, by type.
std::multimap<std::uint32_t, std::vector<std::byte>> notes_of(const std::filesystem::path& path) {
    const std::vector<std::byte> file = test::read_file(path);
    std::multimap<std::uint32_t, std::vector<std::byte>> notes;
    ElfW(Ehdr) header;
    std::memcpy(&header, file.data(), sizeof header);
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        ElfW(Phdr) segment;
        std::memcpy(&segment, &file[header.e_phoff + i * sizeof segment], sizeof segment);
        if (segment.p_type != PT_NOTE) continue;
        const auto padded = [](std::size_t n) { return (n + 3) / 4 * 4; };
        for (std::size_t at = segment.p_offset; at < segment.p_offset + segment.p_filesz;) {
            ElfW(Nhdr) note;
            std::memcpy(&note, &file[at], sizeof note);
            const auto content = file.begin() + static_cast<std::ptrdiff_t>(at + sizeof note + padded(note.n_namesz));
            notes.emplace(note.n_type, std::vector<std::byte>(content, content + note.n_descsz));
            at += sizeof note + padded(note.n_namesz) + padded(note.n_descsz);
        }
    }
    return notes;
}

elf_prpsinfo process_note_of(const std::filesystem::path& path) {
    const auto notes = notes_of(path);
    BOOST_REQUIRE(notes.count(NT_PRPSINFO) == 1u);
    const std::vector<std::byte>& note = notes.find(NT_PRPSINFO)->second;
    elf_prpsinfo info{};
    BOOST_REQUIRE(note.size() == sizeof info);
    std::memcpy(&info, note.data(), sizeof info);
    return info;
}

void expect_equal(const elf_prpsinfo& a, const elf_prpsinfo& b) {
    BOOST_TEST(a.pr_state == b.pr_state);
    BOOST_TEST(a.pr_sname == b.pr_sname);
    BOOST_TEST(a.pr_zomb == b.pr_zomb);
    BOOST_TEST(a.pr_nice == b.pr_nice);
    BOOST_TEST(a.pr_flag == b.pr_flag);
    BOOST_TEST(a.pr_uid == b.pr_uid);
    BOOST_TEST(a.pr_gid == b.pr_gid);
    BOOST_TEST(a.pr_pid == b.pr_pid);
    BOOST_TEST(a.pr_ppid == b.pr_ppid);
    BOOST_TEST(a.pr_pgrp == b.pr_pgrp);
    BOOST_TEST(a.pr_sid == b.pr_sid);
    BOOST_TEST(std::string(a.pr_fname) == b.pr_fname);
}

}  // namespace

BOOST_AUTO_TEST_CASE(registers_have_the_size_that_the_machine_gives_them) {
    BOOST_TEST(size_of_registers(EM_386, 0, 144) == 68u);
    BOOST_TEST(size_of_registers(EM_X86_64, 0, 296) == 216u);  // x32
    BOOST_TEST(size_of_registers(EM_MIPS, 0, 256) == 180u);
    BOOST_TEST(size_of_registers(EM_MIPS, EF_MIPS_ABI2, 440) == 360u);  // n32
    BOOST_TEST(size_of_registers(EM_PPC, 0, 268) == 192u);
    BOOST_TEST(size_of_registers(EM_S390, 0, 224) == 144u);
    BOOST_TEST(size_of_registers(EM_ARM, 0, 148) == 72u);
}

BOOST_AUTO_TEST_CASE(a_note_of_the_whole_process_belongs_to_no_thread) {
    constexpr std::uint32_t xsave_layout = 0x205;
    test::core_64 parts;
    for (const int id : {1, 2}) {
        std::vector<std::byte> status(336);
        std::memcpy(&status[32], &id, sizeof id);
        parts.add_note("CORE", NT_PRSTATUS, status);
        parts.add_note("LINUX", NT_X86_XSTATE, std::vector<std::byte>(832));
    }
    parts.add_note("LINUX", xsave_layout, std::vector<std::byte>(96));
    parts.add_notes();
    const core_memory core = parts.open();
    BOOST_REQUIRE(core.threads().size() == 2u);
    for (const vmio::thread_registers& thread : core.threads()) {
        BOOST_TEST(thread.sets.size() == 2u);
        BOOST_TEST(thread.bytes(xsave_layout).empty());
    }
}

BOOST_AUTO_TEST_CASE(the_process_is_described_as_gcore_does, *boost::unit_test::precondition(test::with_gdb)) {
    const test::core_process target;
    BOOST_REQUIRE(::setpriority(PRIO_PROCESS, static_cast<id_t>(target.id()), 7) == 0);
    const std::string id = std::to_string(target.id());
    test::output_of("gcore -o " + target.directory().path() + "/made " + id);
    const elf_prpsinfo expected = process_note_of(target.directory() / ("made." + id));
    BOOST_TEST(int{expected.pr_nice} == 7);
    BOOST_TEST(expected.pr_ppid == ::getpid());
    target.wait_until_all_wait();
    write_core(vmio::process(target.id()), std::filesystem::path(target.directory() / "written"));
    expect_equal(process_note_of(target.directory() / "written"), expected);

    vmio::capture_options options;
    options.pause = true;
    vmio::process_snapshot::capture(vmio::process(target.id()), options).save(target.directory() / "saved");
    vmio::process_snapshot::load(target.directory() / "saved").save_core(target.directory() / "written");
    expect_equal(process_note_of(target.directory() / "written"), expected);
}

BOOST_AUTO_TEST_CASE(each_paused_thread_has_the_signal_information_that_gcore_writes,
                     *boost::unit_test::precondition(test::with_gdb)) {
    const test::core_process target;
    const std::string id = std::to_string(target.id());
    const auto written = target.directory() / "written";
    const auto expect_equal_notes = [&](std::size_t count) {
        test::output_of("gcore -o " + target.directory().path() + "/made " + id);
        write_core(vmio::process(target.id()), std::filesystem::path(written));
        const auto notes = notes_of(written);
        const auto expected = notes_of(target.directory() / ("made." + id));
        BOOST_TEST(expected.count(NT_SIGINFO) == count);
        BOOST_TEST(notes.count(NT_SIGINFO) == count);
        const auto [from, to] = notes.equal_range(NT_SIGINFO);
        const auto [expected_from, expected_to] = expected.equal_range(NT_SIGINFO);
        BOOST_TEST(std::equal(from, to, expected_from, expected_to));
    };
    expect_equal_notes(3);
    const core_memory core = core_memory::open(written);
    BOOST_TEST(core.threads().size() == 3u);
    for (const vmio::thread_registers& thread : core.threads())
        BOOST_TEST(thread.bytes(NT_SIGINFO).size() == sizeof(siginfo_t));

    // A stop of the whole process is not gcore's, and has no information.
    test::must(::kill(target.id(), SIGSTOP) == 0, "kill");
    siginfo_t info;
    test::must(::waitid(P_PID, static_cast<id_t>(target.id()), &info, WSTOPPED | WNOWAIT) == 0, "waitid");
    expect_equal_notes(0);
    test::must(::kill(target.id(), SIGCONT) == 0, "kill");
}
