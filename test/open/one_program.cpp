// SPDX-License-Identifier: BSL-1.0
/// The first program of the README with each kind of memory in place of its process.
#include <vmio/open_memory.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <ios>
#include <sstream>
#include <string>

#include <boost/test/unit_test.hpp>

#include <vmio/memory_stream.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "processes/gdb_server.hpp"
#include "support/pages.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

using vmio::address;
using vmio::process;

namespace {

constexpr char greeting[] = "Hello, memory\n";

/// What the program prints.
std::string first_program(const std::string& spelling, address where) {
    std::ostringstream printed;
    vmio::memory_stream<vmio::any_memory> memory(vmio::open_memory(spelling), where);
    std::string line;
    std::getline(memory, line);
    memory.seekp(-7, std::ios::cur) << "stream" << std::flush;
    const bool written = memory.good();
    if (!written) BOOST_TEST(memory.last_error().value() == EROFS);
    memory.clear();
    printed << line << " -> ";
    memory.seekg(static_cast<std::streamoff>(where));
    std::getline(memory, line);
    printed << line << (written ? "" : ", read-only");
    return printed.str();
}

boost::test_tools::assertion_result with_gdb_server(boost::unit_test::test_unit_id) {
    return test::unless_missing(test::has_gdb_server(), "gdbserver");
}

/// A process with the greeting, and what was kept of it.
struct greeted {
    greeted() {
        vmio::write_core(process(child.id()), core);
        vmio::process_snapshot::capture(process(child.id())).save(snapshot);
    }

    static test::pages greeting_pages() {
        test::pages some(1);
        std::memcpy(some.data() + 100, greeting, sizeof greeting);
        return some;
    }

    test::pages some = greeting_pages();
    address where = some.start() + 100;
    test::child_process child;
    test::scratch_directory directory;
    std::string core = directory / "core";
    std::string snapshot = directory / "snapshot";
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_first_program_prints_the_same_of_a_process_and_of_what_was_kept_of_it, greeted) {
    for (const std::string& file : {"core:" + core, core, "snapshot:" + snapshot, snapshot})
        BOOST_TEST(first_program(file, where) == "Hello, memory -> Hello, memory, read-only");
    BOOST_TEST(first_program(std::to_string(child.id()), where) == "Hello, memory -> Hello, stream");
    BOOST_TEST(first_program("pid:" + std::to_string(child.id()), where) == "Hello, stream -> Hello, stream");
}

BOOST_FIXTURE_TEST_CASE(the_first_program_prints_the_same_of_a_process_behind_a_server, greeted,
                        *boost::unit_test::precondition(with_gdb_server)) {
    {
        const test::gdb_server server(child.id());
        BOOST_TEST(first_program("gdb:" + server.place(), where) == "Hello, memory -> Hello, stream");
    }
    BOOST_TEST(first_program(std::to_string(child.id()), where) == "Hello, stream -> Hello, stream");
}

BOOST_FIXTURE_TEST_CASE(a_process_behind_a_server_has_the_mappings_that_it_has, greeted,
                        *boost::unit_test::precondition(with_gdb_server)) {
    const test::gdb_server server(child.id());
    const vmio::memory_map remote = vmio::open_memory("gdb:" + server.place()).map();
    const vmio::memory_map here = vmio::memory_map::load(process(child.id()));
    BOOST_TEST((std::vector(remote.begin(), remote.end()) == std::vector(here.begin(), here.end())));
    BOOST_TEST(remote.find(where) != nullptr);
}
