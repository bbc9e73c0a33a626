// SPDX-License-Identifier: BSL-1.0
/// What people expect of any tool, of each of these.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/child_process.hpp>
#include <vmio/version.hpp>

#include "processes/child.hpp"
#include "processes/run_program.hpp"
#include "support/directory.hpp"
#include "support/pages.hpp"
#include "text.hpp"
#include "tool.hpp"

using test::run_program;

namespace {

const std::vector<std::string> tools{VMIO_HEAP_BLOCKS, VMIO_POKE,   VMIO_SNAPSHOT_DIFF, VMIO_VMCAT,
                                     VMIO_VMDUMP,      VMIO_VMGREP, VMIO_VMMAP};

std::size_t files_in(const std::filesystem::path& directory) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

char state_of(pid_t id) {
    const std::string path = "/proc/" + std::to_string(id) + "/stat";
    std::FILE* const file = std::fopen(path.c_str(), "re");
    char state = 0;
    if (file == nullptr || std::fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 0;
    if (file != nullptr) std::fclose(file);
    return state;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(habits)

BOOST_AUTO_TEST_CASE(each_tool_tells_its_version_and_its_usage) {
    for (const std::string& tool : tools) {
        const std::string name = tool.substr(tool.rfind('/') + 1);
        for (const char* const option : {"--version", "-V"}) {
            const auto said = run_program({tool, option});
            BOOST_TEST(said.status == 0);
            BOOST_TEST(said.out == name + " (vmio) " + VMIO_VERSION + "\n");
        }
        const auto help = run_program({tool, "-h"});
        BOOST_TEST(help.status == 0);
        BOOST_TEST(help.out.find("usage: " + name) == 0u);
    }
}

BOOST_AUTO_TEST_CASE(a_closed_standard_input_is_an_empty_one) {
    const test::child_process child;
    const std::string id = std::to_string(child.id());
    const auto closed = [] {
        ::close(STDIN_FILENO);
        ::alarm(60);
    };
    const auto said = run_program({VMIO_SNAPSHOT_DIFF, id}, closed);
    BOOST_TEST(said.status != 128 + SIGALRM);
    const auto empty = run_program({VMIO_SNAPSHOT_DIFF, id}, [] {
        ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
        ::alarm(60);
    });
    BOOST_TEST(said.status == empty.status);
    const auto all_closed = run_program({VMIO_VMMAP, id}, [] {
        for (int fd = 0; fd < 3; ++fd) ::close(fd);
    });
    BOOST_TEST(all_closed.status == 1);
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_named) {
    const test::child_process child;
    const std::string id = std::to_string(child.id());
    const auto full = [] { ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO); };
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{VMIO_VMDUMP, "-q", id, "-"},
                                                                                         {VMIO_VMDUMP, "-qz", id, "-"},
                                                                                         {VMIO_VMDUMP, "-qp", id, "-"},
                                                                                         {VMIO_VMMAP, id}}) {
        const auto said = run_program(command, full);
        BOOST_TEST(said.status == 1);
        BOOST_TEST(said.err.find("No space left on device") != std::string::npos, said.err);
    }
}

BOOST_AUTO_TEST_CASE(a_limit_of_the_size_of_files_is_an_error) {
    const test::child_process child;
    const test::directory directory;
    const auto limited = [] {
        const rlimit limit{65536, 65536};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    };
    for (const char* const option : {"-q", "-qz", "-qp"}) {
        const auto said = run_program({VMIO_VMDUMP, option, std::to_string(child.id()), directory / "core"}, limited);
        BOOST_TEST(said.status == 1);
        BOOST_TEST(said.err != "");
        BOOST_TEST(files_in(directory.path()) == 0u);
    }
}

BOOST_AUTO_TEST_CASE(a_link_or_a_fifo_of_the_default_name_is_not_written_through) {
    const test::child_process child;
    const std::string id = std::to_string(child.id());
    const test::directory directory;
    const auto there = [&] {
        ::alarm(60);
        return ::chdir(directory.path().c_str());
    };
    std::filesystem::create_symlink(directory / "secret", directory / ("core." + id));
    auto said = run_program({VMIO_VMDUMP, "-q", id}, there);
    BOOST_TEST(said.status == 1);
    BOOST_TEST(said.err.find("it is a symbolic link") != std::string::npos, said.err);
    BOOST_TEST(!std::filesystem::exists(directory / "secret"));
    std::filesystem::remove(directory / ("core." + id));
    BOOST_TEST_REQUIRE(::mkfifo((directory / ("core." + id)).c_str(), 0600) == 0);
    said = run_program({VMIO_VMDUMP, "-q", id}, there);
    BOOST_TEST(said.status == 1);
    std::filesystem::remove(directory / ("core." + id));
    for (int i = 0; i < 2; ++i) {  // the second replaces the first
        said = run_program({VMIO_VMDUMP, "-q", "--force", id}, there);
        BOOST_TEST(said.status == 0);
    }
    BOOST_TEST(files_in(directory.path()) == 1u);
}

BOOST_AUTO_TEST_CASE(sizes_have_units) {
    BOOST_TEST(tool::number("4K") == 4096u);
    BOOST_TEST(tool::number("1M") == 1048576u);
    BOOST_TEST(tool::number("2G") == 2147483648u);
    BOOST_TEST(tool::number("4096") == 4096u);
    BOOST_TEST(tool::number("0x10") == 16u);
    for (const char* const wrong : {"", "K", "4KK", "4k", "0x1K", "4 K", "99999999999T", "-1"})
        BOOST_CHECK_THROW(tool::number(wrong), tool::usage_error);
}

BOOST_AUTO_TEST_CASE(characters_that_deceive_are_shown_as_numbers) {
    BOOST_TEST(tool::json_string("a\xe2\x80\xae"
                                 "b") == "\"a\\u202eb\"");  // right to left from here
    BOOST_TEST(tool::json_string("a\xc2\x9b"
                                 "b") == "\"a\\u009bb\"");                      // begins a command of a terminal
    BOOST_TEST(tool::json_string("\xf3\xa0\x81\x81") == "\"\\udb40\\udc41\"");  // a tag
    BOOST_TEST(tool::json_string("gr\xc3\xbc\xc3\x9f") == "\"gr\xc3\xbc\xc3\x9f\"");
    const char* const before = std::setlocale(LC_CTYPE, "C.UTF-8");
    if (before == nullptr) return;
    BOOST_TEST(tool::printable("a\xe2\x80\x8b"
                               "b") == "a\\342\\200\\213b");  // a space of no width
    BOOST_TEST(tool::printable("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
    std::setlocale(LC_CTYPE, "C");
}

BOOST_AUTO_TEST_CASE(an_interrupt_at_any_moment_leaves_no_file_and_no_stopped_target) {
    const test::pages pages(2000);
    const test::child_process target;
    const std::string id = std::to_string(target.id());
    const test::directory directory;
    std::mt19937 random(1);
    int interrupted = 0;
    const char* const rounds = std::getenv("VMIO_INTERRUPTS");
    for (int i = 0; i < (rounds != nullptr ? std::atoi(rounds) : 60); ++i) {
        const char* const option = std::array{"-q", "-qz", "-qp", "-qf"}[random() % 4];
        const int signal = std::array{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGALRM}[random() % 6];
        vmio::child_process dump({VMIO_VMDUMP, option, id, directory / "core"}, {.merge_errors = true});
        ::usleep(static_cast<useconds_t>(random() % 30000));  // any moment will do
        dump.signal(signal);
        const int status = dump.wait();
        BOOST_TEST((status == 0 || status == 128 + signal));
        if (status != 0) ++interrupted;
        std::filesystem::remove(directory / "core");
        BOOST_TEST(files_in(directory.path()) == 0u);
        for (int n = 0; n < 10000 && (state_of(target.id()) == 't' || state_of(target.id()) == 'T'); ++n)
            ::usleep(1000);
        BOOST_TEST((state_of(target.id()) == 'S' || state_of(target.id()) == 'R'));
    }
    BOOST_TEST(interrupted > 0);
}

BOOST_AUTO_TEST_SUITE_END()
