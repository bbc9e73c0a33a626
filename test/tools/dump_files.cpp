// SPDX-License-Identifier: BSL-1.0
/// Which file vmdump writes, and what is left of it.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "processes/child.hpp"
#include "processes/run_program.hpp"
#include "support/mapped.hpp"
#include "support/scratch.hpp"

namespace fs = std::filesystem;
using test::must;
using test::program_result;

namespace {

const std::vector<std::vector<std::string>> ways{{"-q"}, {"-q", "--gzip"}, {"-q", "--pack"}};

std::string ending_of(const std::vector<std::string>& way) {
    return way.size() == 1 ? "" : way[1] == "--gzip" ? ".gz" : ".zst";
}

program_result vmdump(std::vector<std::string> arguments, const std::string& directory) {
    arguments.insert(arguments.begin(), VMIO_VMDUMP);
    return test::run_program(arguments, [&] { must(::chdir(directory.c_str()) == 0, "chdir"); });
}

std::vector<std::string> with(std::vector<std::string> way, const std::vector<std::string>& more) {
    way.insert(way.end(), more.begin(), more.end());
    return way;
}

std::string content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool is_stopped(pid_t id) {
    std::ifstream stat("/proc/" + std::to_string(id) + "/stat");
    std::string text;
    std::getline(stat, text);
    const char state = text.at(text.rfind(')') + 2);
    return state == 'T' || state == 't';
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_default_name_is_never_followed_or_written_into) {
    test::child_process child;
    const std::string id = std::to_string(child.id());
    for (const auto& way : ways) {
        const test::scratch_directory directory;
        const std::string name = "core." + id + ending_of(way);
        std::ofstream(directory / "victim") << "old";
        for (const char* target : {"victim", "not there"}) {
            fs::create_symlink(target, directory / name);
            for (const char* force : {"", "--force"}) {
                const program_result refused =
                    vmdump(with(way, *force ? std::vector<std::string>{force, id} : std::vector<std::string>{id}),
                           directory.path());
                BOOST_TEST(refused.status == 1);
                BOOST_TEST(refused.err.find("it is a symbolic link") != std::string::npos, refused.err);
            }
            BOOST_TEST(content(directory / "victim") == "old");
            BOOST_TEST(!fs::exists(directory / "not there"));
            fs::remove(directory / name);
        }
        must(::mkfifo((directory / name).c_str(), 0600) == 0, "mkfifo");  // nobody reads from it
        const program_result refused = vmdump(with(way, {"--force", id}), directory.path());
        BOOST_TEST(refused.status == 1);
        BOOST_TEST(refused.err.find("it is not a regular file") != std::string::npos, refused.err);
    }
}

BOOST_AUTO_TEST_CASE(a_file_is_replaced_with_force_only) {
    test::child_process child;
    const std::string id = std::to_string(child.id());
    for (const auto& way : ways) {
        const test::scratch_directory directory;
        std::ofstream(directory / "file") << "old";
        fs::create_symlink("file", directory / "link");
        for (const char* name : {"file", "link"}) {
            const program_result refused = vmdump(with(way, {id, name}), directory.path());
            BOOST_TEST(refused.status == 1);
            BOOST_TEST(content(directory / "file") == "old");
        }
        std::ofstream(directory / "empty");
        BOOST_TEST(vmdump(with(way, {id, "empty"}), directory.path()).status == 0);
        const program_result replaced = vmdump(with(way, {"--force", id, "link"}), directory.path());
        BOOST_TEST(replaced.status == 0, replaced.err);
        BOOST_TEST(content(directory / "file").size() > 1000u);
        BOOST_TEST(fs::is_symlink(directory / "link"));
    }
}

BOOST_AUTO_TEST_CASE(an_interrupted_dump_leaves_no_file_and_no_stopped_target) {
    const test::mapped memory(std::size_t{1} << 13);  // 32 MiB that take a while to pack
    std::minstd_rand random(1);
    for (std::size_t i = 0; i < memory.size(); ++i) memory.data(0)[i] = static_cast<char>(random() >> 8);
    test::child_process child;
    const std::string id = std::to_string(child.id());
    const char* const more = std::getenv("VMIO_INTERRUPTS");
    const int rounds = more != nullptr ? std::atoi(more) : 30;
    int ended_by_signal = 0;
    for (int round = 0; round < rounds; ++round) {
        const test::scratch_directory directory;
        const auto& way = ways[static_cast<std::size_t>(round) % ways.size()];
        const int signals[]{SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM, SIGKILL};
        const int signal = signals[static_cast<std::size_t>(round) / ways.size() % std::size(signals)];
        const pid_t dumping = ::fork();
        must(dumping >= 0, "fork");
        if (dumping == 0) {
            std::vector<std::string> words = with(way, {id});
            words.insert(words.begin(), VMIO_VMDUMP);
            std::vector<char*> arguments;
            for (std::string& word : words) arguments.push_back(word.data());
            arguments.push_back(nullptr);
            if (::chdir(directory.path().c_str()) == 0) ::execv(arguments[0], arguments.data());
            ::_exit(127);
        }
        ::usleep(random() % 200000);  // the moment is of no matter
        must(::kill(dumping, signal) == 0, "kill");
        int status = 0;
        must(::waitpid(dumping, &status, 0) == dumping, "waitpid");
        const bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        BOOST_TEST((done || (WIFSIGNALED(status) && WTERMSIG(status) == signal)));
        ended_by_signal += !done;
        BOOST_TEST((done || signal == SIGKILL || fs::is_empty(directory.path())));
        if (done) BOOST_TEST(content(directory / ("core." + id + ending_of(way))).size() > 1000u);
        BOOST_TEST(!is_stopped(child.id()));
    }
    BOOST_TEST(ended_by_signal > 0);
}
