// SPDX-License-Identifier: BSL-1.0
/// A database server that counts meanwhile.
#include <csignal>
#include <optional>
#include <string>

#include <boost/test/unit_test.hpp>

#include "client.hpp"
#include "proof.hpp"
#include "streams.hpp"
#include "support/scratch.hpp"

namespace {

struct redis {
    redis() {
        while (server.next().find("ready to accept connections") == std::string::npos) {
        }
        const proof::client client(path);
        BOOST_TEST(client.ask("SET greeting '" + greeting + "'\r\n", "\r\n") == "+OK");
        for (int i = 0; i < 5000; ++i) client.ask("SET key" + std::to_string(i) + " value\r\n", "\r\n");
        counting.emplace(path, "INCR counter\r\n", "\r\n");
    }
    ~redis() {
        counting->wait_for_answer();  // it has not been harmed
        counting.reset();
        ::kill(server.id(), SIGTERM);
        server.hear_all();
        BOOST_TEST(server.end() == 0);
    }

    std::string answer() const {
        const std::string size = "$" + std::to_string(greeting.size()) + "\r\n";
        const std::string all = proof::client(path).ask("GET greeting\r\nPING\r\n", "\r\n+PONG\r\n");
        return all.starts_with(size) ? all.substr(size.size()) : all;
    }

    const std::string greeting = "a greeting from the database";
    const test::scratch_directory directory;
    const std::string path = directory / "socket";
    test::piped_program server{{"redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--io-threads", "2",
                                "--dir", directory.path()}};
    std::optional<proof::load> counting;
};

const auto installed = proof::with_programs("redis-server", "gdb", "pmap");

}  // namespace

BOOST_FIXTURE_TEST_CASE(its_maps_are_those_of_pmap, redis, *installed) {
    proof::maps_equal_pmap(server.id());
}

BOOST_FIXTURE_TEST_CASE(its_regions_are_what_gdb_dumps, redis, *installed) {
    proof::regions_equal_gdb(server.id());
}

BOOST_FIXTURE_TEST_CASE(a_value_that_is_changed_is_what_clients_get, redis, *installed) {
    proof::text_is_changed(server.id(), greeting, "a greeting from somebody els", [&] { return answer(); });
}

BOOST_FIXTURE_TEST_CASE(its_core_opens_in_gdb, redis, *installed) {
    proof::core_opens_in_gdb(server.id(), greeting);
}

BOOST_FIXTURE_TEST_CASE(its_memory_goes_through_a_compressing_filter, redis, *installed) {
    proof::regions_are_compressed(server.id());
}

BOOST_FIXTURE_TEST_CASE(an_elf_library_reads_an_image_out_of_it, redis, *proof::with_libelfin()) {
    proof::image_is_parsed(server.id());
}
