// SPDX-License-Identifier: BSL-1.0
/// Memory behind gdbserver.
#include <vmio/gdb_remote_memory.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/memory.hpp>
#include <vmio/memory_stream.hpp>
#include <vmio/process_memory.hpp>

#include "processes/child.hpp"
#include "processes/gdb_server.hpp"
#include "support/error_of.hpp"
#include "support/pages.hpp"
#include "support/skip.hpp"

using test::error_of;
using test::gdb_server;
using test::must;
using test::pages;
using vmio::address;
using vmio::address_range;
using vmio::gdb_remote_memory;
using vmio::process;
using vmio::process_memory;

static_assert(vmio::memory_reader<const gdb_remote_memory> && vmio::memory_writer<const gdb_remote_memory>);

namespace {

const std::size_t page = vmio::page_size();

/// Both with and without the cache.
template <class Body>
void with_and_without_cache(Body body) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1} << 20}) {
        BOOST_TEST_CONTEXT("a cache of " << size << " bytes") {
            body({.cache_size = size});
        }
    }
}

char state_of(pid_t id) {
    std::ifstream stat("/proc/" + std::to_string(id) + "/stat");
    std::string text;
    std::getline(stat, text);
    return text.at(text.rfind(')') + 2);
}

boost::test_tools::assertion_result with_gdb_server(boost::unit_test::test_unit_id) {
    return test::unless_missing(test::has_gdb_server(), "gdbserver");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(behind_gdb_server, *boost::unit_test::precondition(with_gdb_server))

BOOST_AUTO_TEST_CASE(a_process_behind_a_server_has_the_bytes_that_it_has) {
    const pages some(100);
    with_and_without_cache([&](const vmio::gdb_remote_options& options) {
        const test::child_process child;
        const gdb_server server(child.id());
        const gdb_remote_memory memory(server.place(), options);
        BOOST_TEST(memory.process_id() == child.id());
        for (const std::size_t size : {std::size_t{1}, std::size_t{3}, page, 20 * page + 7}) {
            std::vector<std::byte> bytes(size);
            std::error_code ec;
            BOOST_TEST(memory.read_some(some.start() + 5, bytes, ec) == size);
            BOOST_TEST(!ec);
            BOOST_TEST(test::is_pattern(some.start() + 5, bytes));
        }
        vmio::memory_stream<gdb_remote_memory> stream(memory, some.range());
        std::vector<char> all(some.size());
        stream.read(all.data(), static_cast<std::streamsize>(all.size()));
        BOOST_TEST(stream.gcount() == static_cast<std::streamsize>(all.size()));
        BOOST_TEST(test::is_pattern(some.start(), std::as_bytes(std::span(all))));
    });
}

BOOST_AUTO_TEST_CASE(a_hole_ends_what_is_read_of_a_remote_target) {
    pages some(4);
    must(::munmap(some.data() + 2 * page, page) == 0, "munmap");
    with_and_without_cache([&](const vmio::gdb_remote_options& options) {
        const test::child_process child;
        const gdb_server server(child.id());
        const gdb_remote_memory memory(server.place(), options);
        std::vector<std::byte> bytes(2 * page);
        std::error_code ec;
        BOOST_TEST(memory.read_some(some.start() + page, bytes, ec) == page);
        BOOST_TEST(!ec);
        BOOST_TEST(memory.read_some(some.start() + 2 * page, bytes, ec) == 0u);
        BOOST_TEST(ec.value() == EFAULT);
        BOOST_TEST(memory.read_some(some.start() + 3 * page, std::span(bytes).first(page), ec) == page);
        BOOST_TEST(memory.read_some(~address{0}, bytes, ec) == 0u);
        BOOST_TEST(ec.value() == EFAULT);
    });
}

BOOST_AUTO_TEST_CASE(bytes_are_written_to_a_remote_target) {
    pages some(2);
    with_and_without_cache([&](const vmio::gdb_remote_options& options) {
        const test::child_process child;
        std::vector<std::byte> wanted(page + 300);
        for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = std::byte(i);
        {
            const gdb_server server(child.id());
            const gdb_remote_memory memory(server.place(), options);
            std::vector<std::byte> bytes(wanted.size());
            std::error_code ec;
            memory.read_some(some.start(), bytes, ec);
            BOOST_TEST(memory.write_some(some.start() + 1, wanted, ec) == wanted.size());
            BOOST_TEST(!ec);
            BOOST_TEST(memory.read_some(some.start() + 1, bytes, ec) == bytes.size());
            BOOST_TEST((bytes == wanted));
            BOOST_TEST(memory.write_some(8, wanted, ec) == 0u);
            BOOST_TEST(ec.value() == EFAULT);
        }
        std::vector<std::byte> bytes(wanted.size());
        process_memory(process(child.id())).read(some.start() + 1, bytes);
        BOOST_TEST((bytes == wanted));
    });
}

BOOST_AUTO_TEST_CASE(a_target_runs_again_once_the_last_copy_is_gone) {
    const test::child_process child;
    {
        const gdb_server server(child.id());
        gdb_remote_memory copy(server.place());
        {
            const gdb_remote_memory memory = copy;
            BOOST_TEST(state_of(child.id()) == 't');
        }
        BOOST_TEST(state_of(child.id()) == 't');
        copy.close();
        std::byte byte;
        std::error_code ec;
        BOOST_TEST(copy.read_some(8, std::span(&byte, 1), ec) == 0u);
        BOOST_TEST(ec.value() == EBADF);
        copy.close();
    }
    const char now = state_of(child.id());  // on its way to its read(2), or there
    BOOST_TEST((now == 'R' || now == 'S'));
}

BOOST_AUTO_TEST_CASE(ranges_and_facts_of_a_remote_process_are_those_of_the_process) {
    const pages some(3);
    const test::child_process child;
    const gdb_server server(child.id());
    const gdb_remote_memory memory(server.place());
    const auto ranges = memory.ranges();
    BOOST_TEST(std::any_of(ranges.begin(), ranges.end(), [&](const address_range& r) {
        return r.start() <= some.start() && some.range().end() <= r.end();
    }));
    std::ifstream auxv("/proc/" + std::to_string(child.id()) + "/auxv", std::ios::binary);
    const std::string expected((std::istreambuf_iterator<char>(auxv)), {});
    const auto vector = memory.auxiliary_vector();
    BOOST_TEST(vector.size() == expected.size());
    BOOST_TEST(std::memcmp(vector.data(), expected.data(), std::min(vector.size(), expected.size())) == 0);
    BOOST_TEST(memory.executable() == std::filesystem::read_symlink("/proc/self/exe").string());
}

BOOST_AUTO_TEST_CASE(a_program_is_talked_to_through_its_input_and_output) {
    const pages some(1);
    const test::child_process child;
    {
        const gdb_remote_memory memory("|gdbserver --once --attach - " + std::to_string(child.id()) + " 2>/dev/null");
        std::vector<std::byte> bytes(page);
        std::error_code ec;
        BOOST_TEST(memory.read_some(some.start(), bytes, ec) == page);
        BOOST_TEST(test::is_pattern(some.start(), bytes));
    }
    BOOST_TEST(state_of(child.id()) == 'S');
    BOOST_TEST(::waitpid(-1, nullptr, WNOHANG) == 0);  // the command was waited for, the child still runs
}

BOOST_AUTO_TEST_CASE(a_server_that_is_killed_is_an_error_of_every_call) {
    const pages some(2);
    const test::child_process child;
    gdb_server server(child.id());
    const gdb_remote_memory memory(server.place());
    std::byte byte;
    std::error_code ec;
    BOOST_TEST(memory.read_some(some.start(), std::span(&byte, 1), ec) == 1u);
    server.kill();
    BOOST_TEST(memory.read_some(some.start() + page, std::span(&byte, 1), ec) == 0u);
    const int error = ec.value();
    BOOST_TEST((error == ECONNRESET || error == EPIPE));
    for (const address where : {some.start(), some.start() + page}) {  // cached or not
        BOOST_TEST(memory.read_some(where, std::span(&byte, 1), ec) == 0u);
        BOOST_TEST(ec.value() == error);
    }
    BOOST_TEST(memory.write_some(some.start(), std::span(&byte, 1), ec) == 0u);
    BOOST_TEST(ec.value() == error);
    BOOST_TEST(error_of([&] { memory.ranges(); }) == error);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(a_place_that_is_no_server_is_refused) {
    BOOST_CHECK_THROW(gdb_remote_memory("nonsense"), std::invalid_argument);
    BOOST_CHECK_THROW(gdb_remote_memory("host:"), std::invalid_argument);
    BOOST_TEST(error_of([] { gdb_remote_memory("127.0.0.1:1"); }) == ECONNREFUSED);
    BOOST_TEST(error_of([] { gdb_remote_memory("/no/such/socket"); }) == ENOENT);
    BOOST_TEST(error_of([] { gdb_remote_memory(std::string(200, '/')); }) == ENAMETOOLONG);
    BOOST_TEST(error_of([] { gdb_remote_memory("|exit 3"); }) == ECONNRESET);
    const vmio::gdb_remote_options impatient{.timeout = std::chrono::milliseconds(50)};
    BOOST_TEST(error_of([&] { gdb_remote_memory("|sleep 1000", impatient); }) == ETIMEDOUT);
    BOOST_TEST(error_of([&] { gdb_remote_memory("|yes +", impatient); }) == ETIMEDOUT);
    BOOST_TEST(error_of([&] { gdb_remote_memory("|yes '$#99'"); }) == EPROTO);
}
