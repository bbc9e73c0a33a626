// SPDX-License-Identifier: BSL-1.0
/// A web server that answers meanwhile.
#include <csignal>
#include <fstream>
#include <optional>
#include <string>

#include <boost/test/unit_test.hpp>

#include "client.hpp"
#include "proof.hpp"
#include "streams.hpp"
#include "support/scratch.hpp"

namespace {

struct nginx {
    nginx() {
        while (server.next().find("event method") == std::string::npos) {
        }
        answering.emplace(path, request, "\n.\n");
    }
    ~nginx() {
        answering->wait_for_answer();  // it has not been harmed
        answering.reset();
        ::kill(server.id(), SIGTERM);
        server.hear_all();
        BOOST_TEST(server.end() == 0);
    }

    std::string answer() const {
        const std::string all = proof::client(path).ask(request, "\n.\n");
        return all.substr(all.rfind('\n') + 1);
    }

    std::string configured() const {
        std::ofstream(directory / "conf")
            << "daemon off; master_process off; error_log stderr notice; pid " << directory / "pid"
            << ";\nevents { }\nhttp { access_log off; "
            << "keepalive_requests 1000000000; server { listen unix:" << path << "; location / { return 200 '"
            << greeting << "\n.\n'; } } }\n";
        return directory / "conf";
    }

    const std::string greeting = "a greeting from the web server";
    const std::string request = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    const test::scratch_directory directory;
    const std::string path = directory / "socket";
    test::piped_program server{{"nginx", "-p", directory.path(), "-e", "stderr", "-c", configured()}};
    std::optional<proof::load> answering;
};

const auto installed = proof::with_programs("nginx", "gdb", "pmap");

}  // namespace

BOOST_FIXTURE_TEST_CASE(its_maps_are_those_of_pmap, nginx, *installed) {
    proof::maps_equal_pmap(server.id());
}

BOOST_FIXTURE_TEST_CASE(its_regions_are_what_gdb_dumps, nginx, *installed) {
    proof::regions_equal_gdb(server.id());
}

BOOST_FIXTURE_TEST_CASE(a_page_that_is_changed_is_what_clients_get, nginx, *installed) {
    proof::text_is_changed(server.id(), greeting, "a greeting from somebody else!", [&] { return answer(); });
}

BOOST_FIXTURE_TEST_CASE(its_core_opens_in_gdb, nginx, *installed) {
    proof::core_opens_in_gdb(server.id(), greeting);
}

BOOST_FIXTURE_TEST_CASE(its_memory_goes_through_a_compressing_filter, nginx, *installed) {
    proof::regions_are_compressed(server.id());
}

BOOST_FIXTURE_TEST_CASE(an_elf_library_reads_an_image_out_of_it, nginx, *proof::with_libelfin()) {
    proof::image_is_parsed(server.id());
}
