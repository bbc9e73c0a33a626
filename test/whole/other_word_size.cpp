// SPDX-License-Identifier: BSL-1.0
/// A 32-bit program on a 64-bit machine.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/search.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "processes/stopped.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

using test::must;
using vmio::process;

namespace {

constexpr std::uint32_t base = 0x08048000;
constexpr char text[] = "in 32 bits";

/// A program for i386 that waits for ever.
std::vector<unsigned char> small_program() {
    constexpr unsigned char code[]{0xb8, 29,   0, 0, 0,  // mov $SYS_pause, %eax
                                   0xcd, 0x80,           // int $0x80
                                   0xeb, 0xf7};          // jmp to the start
    Elf32_Ehdr header{};
    Elf32_Phdr segment{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS32;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_386;
    header.e_version = EV_CURRENT;
    header.e_entry = base + sizeof header + sizeof segment;
    header.e_phoff = header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof segment;
    header.e_phnum = 1;
    segment.p_type = PT_LOAD;
    segment.p_vaddr = base;
    segment.p_filesz = segment.p_memsz = sizeof header + sizeof segment + sizeof code + sizeof text;
    segment.p_flags = PF_R | PF_W | PF_X;
    segment.p_align = 4096;
    std::vector<unsigned char> program;
    const auto append = [&program](const auto& part) {
        const auto* const bytes = reinterpret_cast<const unsigned char*>(&part);
        program.insert(program.end(), bytes, bytes + sizeof part);
    };
    append(header);
    append(segment);
    append(code);
    append(text);
    return program;
}

/// A child that runs it; -1 if this kernel does not.
class small_child {
public:
    small_child() {
        const test::scratch_directory place;
        const std::string path = place / "small";
        const auto program = small_program();
        const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
        must(::write(file, program.data(), program.size()) == static_cast<ssize_t>(program.size()), "write");
        ::close(file);
        int failed[2];
        must(::pipe2(failed, O_CLOEXEC) == 0, "pipe2");
        id_ = ::fork();
        if (id_ == 0) {
            ::execl(path.c_str(), "small", nullptr);
            [[maybe_unused]] const ssize_t told = ::write(failed[1], "f", 1);
            ::_exit(1);
        }
        ::close(failed[1]);
        char byte;
        runs_ = ::read(failed[0], &byte, 1) == 0;    // the end that exec has closed
        if (runs_) const test::stopped loaded(id_);  // which it cannot be before the end of exec
        ::close(failed[0]);
    }
    small_child(const small_child&) = delete;
    small_child& operator=(const small_child&) = delete;
    ~small_child() {
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }

    bool runs() const { return runs_; }
    pid_t id() const { return id_; }

private:
    pid_t id_ = -1;
    bool runs_ = false;
};

boost::test_tools::assertion_result has_small_programs(boost::unit_test::test_unit_id) {
    return test::unless_missing(small_child().runs(), "a kernel that runs programs of 32 bits");
}

bool says_what_to_do(const vmio::memory_error& e) {
    return e.code() == vmio::errc::not_supported && std::strstr(e.what(), "core_options::pause") != nullptr;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(other_word_size, *boost::unit_test::precondition(has_small_programs))

BOOST_AUTO_TEST_CASE(the_memory_of_a_32_bit_program_is_listed_read_and_searched) {
    const small_child child;
    const process target(child.id());
    const vmio::memory_map map = vmio::memory_map::load(target);
    BOOST_TEST((map.find(base) != nullptr));
    BOOST_TEST((map.end() - 1)->range.end() <= std::uint64_t{1} << 32);
    const vmio::process_memory memory(target);
    const auto found = search(memory, vmio::byte_pattern::text(text));
    BOOST_TEST_REQUIRE(found.size() == 1U);
    BOOST_TEST(memory.read_string(found.front(), 100) == text);
    memory.write_value(found.front(), 'I');
    BOOST_TEST(memory.read_value<char>(found.front()) == 'I');
}

BOOST_AUTO_TEST_CASE(the_registers_of_a_32_bit_program_have_the_layout_of_i386) {
    const small_child child;
    const process target(child.id());
    const vmio::pause_guard pause(target);
    const auto threads = pause.registers();
    BOOST_TEST_REQUIRE(threads.size() == 1U);
    const auto general = threads[0].bytes(NT_PRSTATUS);
    BOOST_TEST_REQUIRE(general.size() == 17 * sizeof(std::uint32_t));
    std::uint32_t stack_pointer = 0;
    std::memcpy(&stack_pointer, general.data() + 15 * sizeof stack_pointer, sizeof stack_pointer);
    const vmio::memory_map map = vmio::memory_map::load(target);
    const vmio::mapping* const stack = map.find(stack_pointer);
    BOOST_TEST((stack != nullptr && stack->name == "[stack]"));
}

BOOST_AUTO_TEST_CASE(a_capture_of_a_32_bit_program_has_registers_and_a_core_file_has_none) {
    const small_child child;
    const process target(child.id());
    const test::scratch_directory place;
    vmio::capture_options captured;
    captured.pause = true;
    const auto kept = vmio::process_snapshot::capture(target, captured);
    BOOST_TEST(kept.threads().size() == 1U);
    BOOST_CHECK_EXCEPTION(kept.save_core(place / "core"), vmio::memory_error, says_what_to_do);
    BOOST_CHECK_EXCEPTION(write_core(target, place / "core"), vmio::memory_error, says_what_to_do);
    vmio::core_options memory_only;
    memory_only.pause = false;
    write_core(target, place / "core", memory_only);
    const auto core = vmio::core_memory::open(place / "core");
    char seen[4]{};
    std::error_code ec;
    BOOST_TEST(core.read_some(base, std::as_writable_bytes(std::span(seen)), ec) == sizeof seen);
    BOOST_TEST(std::memcmp(seen, ELFMAG, SELFMAG) == 0);
    BOOST_TEST(core.auxiliary_vector().empty());  // its entries would be read as 64-bit words
}

BOOST_AUTO_TEST_SUITE_END()
