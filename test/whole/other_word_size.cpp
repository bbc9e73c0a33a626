// SPDX-License-Identifier: BSL-1.0
/// A 32-bit program on a 64-bit machine.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <elf.h>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/search.hpp>
#include <vmio/write_core.hpp>

#include "processes/tiny_program.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

using vmio::process;

namespace {

constexpr std::uint32_t base = test::tiny_base;
constexpr char text[] = "in 32 bits";

struct small_child : test::tiny_program {
    small_child() : tiny_program(test::tiny_machine::i386, {text, sizeof text}) {}
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
