// SPDX-License-Identifier: BSL-1.0
/// The tool against gdb's `find`, and what it says of a child.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/memory_map.hpp>

#include "processes/child.hpp"
#include "processes/gdb.hpp"
#include "processes/interpreter.hpp"
#include "processes/run_program.hpp"
#include "processes/stopped.hpp"
#include "support/mapped.hpp"
#include "support/scratch.hpp"

using test::must;
using test::program_result;
using test::run_program;
using vmio::address;
using vmio::address_range;

namespace {

const std::size_t page = vmio::page_size();
constexpr const char* text = "what vmgrep is to find";

program_result vmgrep(
    const std::vector<std::string>& arguments, const std::function<void()>& before = [] {}) {
    std::vector<std::string> command{VMIO_VMGREP};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_program(command, before);
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

/// What each line begins with.
std::vector<address> addresses(const program_result& found) {
    std::vector<address> all;
    for (const std::string& line : lines_of(found.out)) all.push_back(std::strtoull(line.c_str(), nullptr, 16));
    return all;
}

/// Where gdb's `find` finds each of `patterns`, given as its expressions.
std::vector<std::vector<address>> found_by_gdb(pid_t id, const std::vector<std::string>& patterns) {
    const test::scratch_directory directory;
    std::ofstream script(directory / "script");
    script << std::hex;
    // gdb gives up at the first byte that it cannot read, so it gets the readable ranges.
    const auto regions = vmio::memory_map::load(vmio::process(id)).ranges([](const vmio::mapping& m) {
        return m.perms.read && !m.name.starts_with("[vvar") && m.name != "[vsyscall]";
    });
    for (const std::string& pattern : patterns) {
        script << "echo pattern\\n\n";
        for (const address_range& r : regions)
            script << "python\ntry: gdb.execute(\"\"\"find 0x" << r.start() << ", 0x" << r.end() - 1 << ", " << pattern
                   << "\"\"\")\nexcept gdb.error: pass\nend\n";
    }
    script.close();
    std::vector<std::vector<address>> all;
    for (const std::string& line : lines_of(test::gdb("-p " + std::to_string(id) + " -x " + (directory / "script")))) {
        if (line == "pattern") all.emplace_back();
        if (line.starts_with("0x") && !all.empty()) all.back().push_back(std::strtoull(line.c_str(), nullptr, 16));
    }
    return all;
}

/// Its mappings have a name.
int sealed_memfd(const char* name, std::size_t pages) {
    const int file = ::memfd_create(name, MFD_CLOEXEC);
    must(file >= 0 && ::ftruncate(file, static_cast<off_t>(pages * page)) == 0, "memfd_create");
    return file;
}

void put(char* to, std::string_view what) {
    what.copy(to, what.size());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stopped_interpreter_holds_what_gdb_finds_in_it,
                     *boost::unit_test::precondition(test::has_python) *
                         boost::unit_test::precondition(test::with_gdb)) {
    const test::interpreter python(R"(
import json, sys
kept = [f"number {i} of many" for i in range(5000)]
kept.append(b"\x7f\x00\xfe" * 7000)
print("ready", flush=True)
sys.stdin.read()
)");
    BOOST_TEST_REQUIRE(python.hear() == "ready");
    const test::stopped holding(python.id());
    const std::string id = std::to_string(python.id());
    const std::vector<std::string> patterns{"'o', 'f', ' ', 'm', 'a', 'n', 'y'",
                                            "(char)0x7f, (char)0, (char)0xfe, (char)0x7f", "(unsigned int)0x464c457f",
                                            "'n', 'o', 'w', 'h', 'e', 'r', 'e', ' ', 't', 'o'"};
    const auto theirs = found_by_gdb(python.id(), patterns);
    BOOST_TEST_REQUIRE(theirs.size() == patterns.size());
    const std::vector<std::vector<std::string>> ours{
        {"of many"}, {"--hex", "7f00fe7f"}, {"--hex", "7f454c46"}, {"nowhere to"}};
    for (std::size_t i = 0; i < ours.size(); ++i)
        for (const char* threads : {"1", "2"}) {
            std::vector<std::string> arguments{"--threads", threads, id};
            arguments.insert(arguments.end(), ours[i].begin(), ours[i].end());
            const program_result found = vmgrep(arguments);
            BOOST_TEST(found.err == "");
            BOOST_TEST(found.status == (theirs[i].empty() ? 1 : 0));
            std::vector<address> here = addresses(found);
            std::sort(here.begin(), here.end());
            BOOST_TEST((here == theirs[i]), patterns[i] << ": " << here.size() << ", not " << theirs[i].size());
            arguments.push_back("--count");
            BOOST_TEST(vmgrep(arguments).out == std::to_string(theirs[i].size()) + '\n');
        }
    BOOST_TEST(theirs[0].size() >= 5000u);
    BOOST_TEST(theirs[1].size() >= 6999u);
    BOOST_TEST(theirs[2].size() > 3u);
    const program_result aligned = vmgrep({"--u32", "0x464c457f", id});
    std::vector<address> some = theirs[2];
    std::erase_if(some, [](address at) { return at % 4 != 0; });
    BOOST_TEST(addresses(aligned) == some, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_line_shows_the_bytes_around_a_match_and_what_cannot_be_read) {
    const int file = sealed_memfd("shown", 4);
    const test::mapped memory(4, MAP_PRIVATE, file);
    must(::munmap(memory.data(3), page) == 0 && ::mprotect(memory.data(), page, PROT_NONE) == 0, "munmap");
    put(memory.data(1) + 2, "gnat\n");
    put(memory.data(3) - 4, "gnu\t");
    const test::child_process child;
    const std::string id = std::to_string(child.id());
    const auto lines = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--region", "memfd:shown", id});
        return vmgrep(arguments).out;
    };
    const auto line = [](address at, const char* rest) {
        char start[32];
        std::snprintf(start, sizeof start, "%012lx", static_cast<unsigned long>(at));
        return start + std::string(" rw-p ") + rest + "  /memfd:shown (deleted)\n";
    };
    BOOST_TEST(lines({"-C", "4", "--hex", "676e 6174 0a"}) ==
               line(memory.page(1) + 2, " -- -- 00 00[67 6e 61 74 0a]00 00 00 00  |  ..gnat.....|"));
    BOOST_TEST(lines({"-C", "2", "gnu\t"}) == line(memory.page(3) - 4, " 00 00[67 6e 75 09]-- --  |..gnu.  |"));
    BOOST_TEST(lines({"-C", "0", "--hex", "67 6e 7?"}) == line(memory.page(3) - 4, "[67 6e 75] |gnu|"));
    ::close(file);
}

BOOST_AUTO_TEST_CASE(options_choose_the_pattern_and_the_regions) {
    const test::scratch_directory directory;
    const std::string name = directory / "a file\n";
    const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    must(file >= 0 && ::ftruncate(file, static_cast<off_t>(2 * page)) == 0, "open");
    const test::mapped memory(2, MAP_SHARED, file);
    const test::mapped other(1);
    const std::uint64_t number = 0x1234567890abcdef;
    for (char* at : {memory.data() + 16, memory.data() + 33, other.data() + 8})
        put(at, {reinterpret_cast<const char*>(&number), 8});
    for (std::size_t i = 0; i < 5; ++i) put(memory.data(1) + 100 * i, text);
    const test::child_process child;
    const std::string id = std::to_string(child.id());
    const auto in_file = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--region", directory.path(), id});
        return vmgrep(arguments);
    };
    const program_result aligned = in_file({"--u64", "0x1234567890abcdef"});
    BOOST_TEST(addresses(aligned) == std::vector<address>{memory.start() + 16}, boost::test_tools::per_element());
    BOOST_TEST(aligned.out.ends_with("a file\\012\n"));
    BOOST_TEST(in_file({"--u32", "0x12345678", "-c"}).out == "1\n");
    BOOST_TEST(in_file({"--hex", "efcdab9078563412", "-c"}).out == "2\n");
    BOOST_TEST(in_file({text, "-c"}).out == "5\n");
    BOOST_TEST(in_file({text, "--max", "3", "-c"}).out == "3\n");
    BOOST_TEST(lines_of(in_file({text, "--max", "3"}).out).size() == 3u);
    BOOST_TEST(in_file({text, "what", "-c"}).out == "10\n");
    BOOST_TEST(in_file({"--max", "7", text, "what", "-c"}).out == "7\n");
    BOOST_TEST(in_file({text, "-c"}).status == 0);
    const program_result none = in_file({"not there"});
    BOOST_TEST(none.status == 1);
    BOOST_TEST((none.out.empty() && none.err.empty()));
    ::close(file);
}

BOOST_AUTO_TEST_CASE(a_failed_search_is_told_from_one_without_a_match) {
    const std::string self = std::to_string(::getpid());
    using command = std::vector<std::string>;
    for (const command& wrong : {command{},
                                 {self},
                                 {"x", "y"},
                                 {"0", "y"},
                                 {self, ""},
                                 {self, "--hex", "4"},
                                 {self, "--hex", "4g"},
                                 {self, "--hex", ""},
                                 {self, "--u32", "4294967296"},
                                 {self, "--u64", "-1"},
                                 {self, "y", "--max", "0"},
                                 {self, "y", "--threads", "0"},
                                 {self, "y", "--context", "-1"},
                                 {self, "y", "--what"}}) {
        const program_result said = vmgrep(wrong);
        BOOST_TEST(said.status == 2);
        BOOST_TEST(said.out == "");
        BOOST_TEST(said.err.starts_with("vmgrep: "));
        BOOST_TEST(said.err.find("vmio::") == std::string::npos);
        BOOST_TEST(said.err.find("Try 'vmgrep --help'.") != std::string::npos, said.err);
    }
    test::child_process child;
    child.end();
    const program_result gone = vmgrep({std::to_string(child.id()), "y"});
    BOOST_TEST(gone.status == 2);
    BOOST_TEST(gone.err.find("no process has this id") != std::string::npos);
    const program_result help = vmgrep({"--help"});
    BOOST_TEST(help.status == 0);
    BOOST_TEST(help.out.find("exit status: 0 found, 1 not found, 2 ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_reader_that_has_heard_enough_ends_it_quietly) {
    const int file = sealed_memfd("heard", 1000);
    const test::mapped memory(1000, MAP_SHARED, file);
    for (std::size_t i = 0; i < 1000; ++i) put(memory.data(i), text);
    const test::child_process child;
    const program_result piped = vmgrep({std::to_string(child.id()), text, "--region", "memfd:heard"}, [] {
        int ends[2];
        must(::pipe(ends) == 0 && ::close(ends[0]) == 0 && ::dup2(ends[1], STDOUT_FILENO) >= 0, "pipe");
    });
    BOOST_TEST(piped.status == 128 + SIGPIPE);
    BOOST_TEST(piped.err == "");
    ::close(file);
}

BOOST_AUTO_TEST_CASE(a_bar_is_drawn_on_a_terminal_and_gone_after) {
    // More than is read in a tenth of a second: much of the same.
    const std::size_t count = (std::size_t{64} << 20) / page;
    const int file = sealed_memfd("much", count);
    std::vector<std::unique_ptr<test::mapped>> memory;
    for (int i = 0; i < 48; ++i) memory.push_back(std::make_unique<test::mapped>(count, MAP_SHARED, file));
    std::memset(memory.front()->data(), 1, memory.front()->size());
    const test::child_process child;
    const auto drawn = [&](std::vector<std::string> arguments) {
        const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        must(terminal >= 0 && ::grantpt(terminal) == 0 && ::unlockpt(terminal) == 0, "posix_openpt");
        const int other_side = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
        std::string seen;
        // Reads until the other side is closed, since writers to a terminal that is not read are blocked.
        std::thread reader([&] {
            char some[256];
            for (ssize_t got = 0; (got = ::read(terminal, some, sizeof some)) > 0;)
                seen.append(some, static_cast<std::size_t>(got));
        });
        arguments.insert(arguments.begin(), {std::to_string(child.id()), text, "-c", "--region", "memfd:much"});
        const program_result found = vmgrep(arguments, [&] { must(::dup2(other_side, STDERR_FILENO) >= 0, "dup2"); });
        BOOST_TEST(found.out == "0\n");
        ::close(other_side);
        reader.join();
        ::close(terminal);
        return seen;
    };
    const std::string bar = drawn({});
    BOOST_TEST(bar.find("% of ") != std::string::npos);
    BOOST_TEST(bar.ends_with("\r\033[K"));
    BOOST_TEST(drawn({"--no-progress"}) == "");
    ::close(file);
}

BOOST_AUTO_TEST_CASE(text_is_found_in_any_case_in_utf16_and_from_a_file_in_several_processes) {
    const test::scratch_directory directory;
    const std::string name = directory / "searched";
    const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    must(file >= 0 && ::ftruncate(file, static_cast<off_t>(page)) == 0, "open");
    const test::mapped memory(1, MAP_SHARED, file);
    put(memory.data(0) + 16, "Needle");
    put(memory.data(0) + 32, "nEEDLE");
    put(memory.data(0) + 48, std::string("n\0e\0e\0d\0l\0e\0", 12));
    put(memory.data(0) + 80, "[haystack@");
    put(memory.data(0) + 96, "{HAYSTACK`");  // differs in the bit of the case, but has no letters there
    std::ofstream(directory / "patterns") << "Needle\n\nhaystack\n";
    const test::child_process child, other;
    const std::string id = std::to_string(child.id());
    const auto count = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--region", "searched", "-c"});
        return vmgrep(arguments).out;
    };
    BOOST_TEST(count({id, "Needle"}) == "1\n");
    BOOST_TEST(count({"-i", id, "needle"}) == "2\n");
    BOOST_TEST(count({"-i", id, "[haystack@"}) == "1\n");
    BOOST_TEST(count({"--utf16", id, "needle"}) == "1\n");
    BOOST_TEST(count({"--utf16", "-i", id, "NEEDLE"}) == "1\n");
    BOOST_TEST(count({"-e", "Needle", "-e", "nEEDLE", id}) == "2\n");
    BOOST_TEST(count({"-f", directory / "patterns", id}) == "2\n");
    const std::string second = std::to_string(other.id());
    BOOST_TEST(count({"-e", "Needle", id, second}) == id + ": 1\n" + second + ": 1\n");
    const program_result some = vmgrep({"--region", "searched", "-e", "Needle", "2147483647", id});
    BOOST_TEST(some.status == 2);
    BOOST_TEST(some.out.starts_with(id + ": "));
    char start[32];
    std::snprintf(start, sizeof start, "0x%lx", static_cast<unsigned long>(memory.start() + 16));
    BOOST_TEST(vmgrep({"--region", "searched", "--json", id, "Needle"}).out ==
               "{\"memory\": \"" + id + "\", \"address\": \"" + start +
                   "\", \"size\": 6, \"permissions\": \"rw-s\", \"region\": \"" + name +
                   "\", \"bytes\": \"4e6565646c65\"}\n");
    const std::string lit = vmgrep({"--region", "searched", "--color=always", "-C0", id, "Needle"}).out;
    BOOST_TEST(lit.find("\033[1;31m[4e 65 65 64 6c 65\033[m] |\033[1;31mNeedle\033[m|") != std::string::npos, lit);
    BOOST_TEST(vmgrep({"--color=some", id, "x"}).status == 2);
    ::close(file);
}
