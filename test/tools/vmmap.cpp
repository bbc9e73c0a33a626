// SPDX-License-Identifier: BSL-1.0
/// The tool against what the kernel, and pmap(1), say of the same processes.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/address.hpp>

#include "faults/seccomp.hpp"
#include "proc/pagemap_scan.hpp"
#include "processes/child.hpp"
#include "processes/interpreter.hpp"
#include "processes/run_program.hpp"
#include "support/mapped.hpp"
#include "support/mapping_rows.hpp"
#include "support/sanitized.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"
#include "support/swap.hpp"

using test::has_python;
using test::program_result;
using test::row;
using test::rows_of_json;
using test::rows_of_list;
using test::rows_of_smaps;
using test::run_program;

namespace {

const std::size_t page = vmio::page_size();

void nothing() {}

program_result vmmap(const std::vector<std::string>& arguments, const std::function<void()>& before = nothing) {
    std::vector<std::string> command{VMIO_VMMAP};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_program(command, before);
}

program_result vmmap(pid_t id, const std::string& option = "--") {
    return vmmap({option, std::to_string(id)});
}

std::function<void()> in_locale(const char* name) {
    return [name] { ::setenv("LC_ALL", name, 1); };
}

boost::test_tools::assertion_result has_python_and_pmap(boost::unit_test::test_unit_id unit) {
    const auto python = has_python(unit);
    return python ? test::unless_missing(run_program({"pmap", "-V"}).status == 0, "pmap of procps") : python;
}

std::string content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Calls `look` until the kernel says the same of the process before and after, and returns that: even one that sleeps
/// may lose a page meanwhile.
std::vector<row> at_one_moment(pid_t id, const std::function<void()>& look) {
    for (int i = 0; i < 100; ++i) {
        const std::vector<row> before = rows_of_smaps(id);
        look();
        if (rows_of_smaps(id) == before) return before;
    }
    BOOST_FAIL("the target does not come to rest");
    return {};
}

/// What looking must not change.
std::string condition(pid_t id) {
    std::ifstream status("/proc/" + std::to_string(id) + "/status");
    std::string kept;
    for (std::string line; std::getline(status, line);)
        for (const char* key : {"TracerPid:", "VmRSS:", "VmSwap:", "VmPTE:", "VmPeak:", "Threads:"})
            if (line.starts_with(key)) kept += line + '\n';
    return kept;
}

void equal(const std::vector<row>& found, const std::vector<row>& expected) {
    BOOST_TEST(found == expected, boost::test_tools::per_element());
}

void agrees_with_the_kernel(pid_t id, const std::function<void()>& before_vmmap = nothing) {
    program_result json, list;
    std::string before, after;
    auto expected = at_one_moment(id, [&] {
        before = condition(id);
        json = vmmap({"--json", std::to_string(id)}, before_vmmap);
        list = vmmap({std::to_string(id)}, [&] {
            before_vmmap();
            ::setenv("LC_ALL", "C", 1);
        });
        after = condition(id);
    });
    BOOST_TEST(after == before);
    BOOST_TEST((json.status == 0 && list.status == 0));
    BOOST_TEST((json.err.empty() && list.err.empty()));
    equal(rows_of_json(json.out), expected);
    for (row& r : expected) r.file.clear();
    equal(rows_of_list(list.out), expected);
    for (const char c : list.out) BOOST_TEST_REQUIRE(((c >= ' ' && c < 127) || c == '\n'));
}

void agrees_with_pmap(pid_t id) {
    program_result json, pmap;
    at_one_moment(id, [&] {
        json = vmmap(id, "--json");
        pmap = run_program({"pmap", "-x", std::to_string(id)});
    });
    BOOST_TEST_REQUIRE(pmap.status == 0);
    auto rows = rows_of_json(json.out);
    const row sum = rows.back();
    rows.pop_back();
    std::vector<row> theirs;
    std::istringstream lines(pmap.out);
    for (std::string line; std::getline(lines, line);) {
        row r;
        char mode[6];
        if (std::sscanf(line.c_str(), "%16lx %lu %lu %*u %5s", &r.start, &r.size, &r.resident, mode) == 4) {
            r.perms = mode;
            r.perms.resize(4);
            theirs.push_back(r);
        } else if (std::sscanf(line.c_str(), "total kB %lu %lu", &r.size, &r.resident) == 2) {
            BOOST_TEST(r.size * 1024 == sum.size);
            BOOST_TEST(r.resident * 1024 == sum.resident);
            theirs.push_back({});
        }
    }
    BOOST_TEST_REQUIRE(theirs.size() == rows.size() + 1);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        BOOST_TEST(theirs[i].start == rows[i].start);
        BOOST_TEST(theirs[i].size * 1024 == rows[i].size);
        BOOST_TEST(theirs[i].resident * 1024 == rows[i].resident);
        BOOST_TEST(theirs[i].perms.substr(0, 3) == rows[i].perms.substr(0, 3));
        BOOST_TEST((theirs[i].perms[3] == 's') == (rows[i].perms[3] == 's'));
    }
}

const std::vector<std::string> names{
    "a b",        "ends in a space ", " (deleted)",  "x (deleted)", "new\nline",
    "typed\\012", "tab\there",        "\x1b[31mred", "\"quoted\"",  "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80",
    "\xff\xfe",   "cut \xe2\x82",     "\xc2\x9bZ",   "\x7f",        "]},{"};

/// Every kind of page and of name.
void map_everything(const std::string& directory) {
    const auto map = [](std::size_t count, int protection, int flags, int fd = -1) {
        void* const p = ::mmap(nullptr, count * page, protection, flags, fd, 0);
        test::must(p != MAP_FAILED, "mmap");
        return static_cast<volatile char*>(p);
    };
    constexpr int rw = PROT_READ | PROT_WRITE;
    volatile char* const anonymous = map(64, rw, MAP_PRIVATE | MAP_ANONYMOUS);
    for (const std::size_t i : {0, 1, 5, 63}) anonymous[i * page] = 1;
    for (const std::size_t i : {10, 11}) (void)anonymous[i * page];  // the page of zeros
    map(std::size_t{1} << 18, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    volatile char* const shared = map(16, rw, MAP_SHARED | MAP_ANONYMOUS);
    for (const std::size_t i : {2, 3}) shared[i * page] = 1;
    const int unnamed = ::memfd_create("of memory \xff\n", MFD_CLOEXEC);
    test::must(unnamed >= 0 && ::ftruncate(unnamed, static_cast<off_t>(8 * page)) == 0, "memfd_create");
    map(8, rw, MAP_SHARED, unnamed)[page] = 1;
    map(8, rw, MAP_PRIVATE, unnamed)[2 * page] = 1;
    std::vector<std::string> all = names;
    all.push_back("gone");
    for (const std::string& name : all) {
        const int fd = ::open((directory + '/' + name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        const std::string bytes(8 * page, 'x');
        test::must(fd >= 0 && ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "write");
        volatile char* const file = map(8, rw, MAP_PRIVATE, fd);
        for (const std::size_t i : {1, 2, 3}) (void)file[i * page];
        file[2 * page] = 'y';
        ::close(fd);
    }
    test::must(::unlink((directory + "/gone").c_str()) == 0, "unlink");
    ::madvise(const_cast<char*>(map(8, rw, MAP_PRIVATE | MAP_ANONYMOUS)) + page, page, 102);  // MADV_GUARD_INSTALL
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_child_is_shown_as_the_kernel_has_it, *boost::unit_test::precondition(has_python_and_pmap)) {
    const test::scratch_directory directory;
    test::child_process child([&] { map_everything(directory.path()); });
    agrees_with_the_kernel(child.id());
    agrees_with_pmap(child.id());
}

#ifndef VMIO_TEST_SANITIZED  // whose terabytes, used here and there, take a second each without PAGEMAP_SCAN
BOOST_AUTO_TEST_CASE(a_child_is_shown_as_the_kernel_has_it_where_page_tables_do_not_tell_zeros,
                     *boost::unit_test::precondition(has_python)) {
    const test::scratch_directory directory;
    test::child_process child([&] { map_everything(directory.path()); });
    const auto as_before = [] { test::forbid_ioctl(vmio::detail::pagemap::request, ENOTTY); };
    agrees_with_the_kernel(child.id(), as_before);
    const program_result picture = vmmap({"--picture", std::to_string(child.id())}, as_before);
    BOOST_TEST(picture.status == 0);
    BOOST_TEST(picture.err.find("hold zeros") != std::string::npos);
}
#endif

BOOST_AUTO_TEST_CASE(swapped_pages_are_counted,
                     *boost::unit_test::precondition(has_python) * boost::unit_test::precondition(test::can_swap)) {
    const test::swap_area area;
    test::child_process child([] {
        const auto* const some = new test::mapped(32);
        for (std::size_t i = 0; i < 20; ++i) some->write(i);
        test::page_out(some->data(4), 8 * page);
    });
    agrees_with_the_kernel(child.id());
    BOOST_TEST(rows_of_smaps(child.id()).back().swapped >= 8 * page);
}

BOOST_AUTO_TEST_CASE(a_daemon_is_shown_as_the_kernel_has_it_and_goes_on,
                     *boost::unit_test::precondition(has_python_and_pmap)) {
    // Another program, in a session of its own, with threads and a socket; it answers what it hears.
    static const char* const script = R"(
import mmap, os, socket, sys, threading
os.setsid()
listener = socket.create_server(("127.0.0.1", 0))
for _ in range(4):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
kept = [mmap.mmap(-1, 1 << 20) for _ in range(8)]
for k in kept:
    k[4096] = 1
for line in sys.stdin:
    print(line, end="", flush=True)
os._exit(0)
)";
    test::interpreter daemon(script);
    const auto answers = [&] { return daemon.say("you?"), daemon.hear() == "you?"; };
    BOOST_TEST_REQUIRE(answers());
    agrees_with_the_kernel(daemon.id());
    agrees_with_pmap(daemon.id());
    BOOST_TEST(vmmap(daemon.id(), "--picture").status == 0);
    BOOST_TEST(answers());
    BOOST_TEST(daemon.end() == 0);
}

BOOST_AUTO_TEST_CASE(names_are_printed_where_the_locale_can, *boost::unit_test::precondition(test::has_utf8_locale)) {
    const test::scratch_directory directory;
    test::child_process child([&] { map_everything(directory.path()); });
    const auto list = [&](const char* locale) { return vmmap({std::to_string(child.id())}, in_locale(locale)).out; };
    BOOST_TEST(list("C").find("/\\303\\251\\344\\270\\255\\360\\237\\230\\200\n") != std::string::npos);
    BOOST_TEST(list("C.UTF-8").find("/\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\n") != std::string::npos);
    BOOST_TEST(list("C.UTF-8").find("/\\302\\233Z\n") != std::string::npos);
    BOOST_TEST(list("C").find("/gone (deleted)\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_list_is_printed_without_the_page_tables, *boost::unit_test::precondition(test::as_root)) {
    // Everybody may open /proc/PID/maps, and only its owner the pagemap; after that the kernel looks at capabilities.
    test::child_process child([] {
        test::must(::setgid(65534) == 0 && ::setuid(65534) == 0, "setuid");
        test::must(::prctl(PR_SET_DUMPABLE, 1) == 0, "prctl");
    });
    const auto without = [] {
        for (const int capability : {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH})
            test::must(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0, "prctl");
    };
    const std::string id = std::to_string(child.id());
    const program_result list = vmmap({id}, without);
    BOOST_TEST(list.status == 0);
    BOOST_TEST(list.err.starts_with("vmmap: not known: what is resident, changed and swapped: "));
    BOOST_TEST(list.err.find("Permission denied") != std::string::npos);
    const std::string total = list.out.substr(list.out.rfind("total"));
    BOOST_TEST(total.ends_with("         -         -         -\n"));
    const program_result json = vmmap({"--json", id}, without);
    BOOST_TEST(json.status == 0);
    BOOST_TEST(json.out.find("\"resident\": null, \"changed\": null, \"swapped\": null") != std::string::npos);
    const program_result picture = vmmap({"--picture", id}, without);
    BOOST_TEST(picture.status == 0);
    BOOST_TEST(picture.out.find("[stack]\n") != std::string::npos);
    const auto lines = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
    BOOST_TEST(lines(list.out) == lines(content("/proc/" + id + "/maps")) + 2);
}

BOOST_AUTO_TEST_CASE(a_process_that_cannot_be_looked_at_is_an_error) {
    test::child_process child;
    child.kill();
    for (const char* option : {"--json", "--picture", "--"}) {
        const program_result zombie = vmmap(child.id(), option);
        BOOST_TEST(zombie.status == 1);
        BOOST_TEST(zombie.out == "");
        BOOST_TEST(zombie.err.find("is a zombie") != std::string::npos);
    }
    child.end();
    const program_result gone = vmmap(child.id());
    BOOST_TEST(gone.status == 1);
    BOOST_TEST(gone.err.find("no process has this id") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_process_of_another_user_is_an_error, *boost::unit_test::precondition(test::as_root)) {
    test::child_process child;
    const program_result refused = vmmap({std::to_string(child.id())}, [] {
        for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
            test::must(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0, "prctl");
    });
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(refused.out == "");
    BOOST_TEST(refused.err.find("CAP_SYS_PTRACE") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(wrong_usage_has_an_exit_status_of_its_own) {
    const std::string self = std::to_string(::getpid());
    using command = std::vector<std::string>;
    for (const command& wrong : {command{},
                                 {"x"},
                                 {"12x"},
                                 {"0"},
                                 {"-1"},
                                 {"99999999999"},
                                 {self, self},
                                 {"--json", "--picture", self},
                                 {"--no-such", self},
                                 {"--json"}}) {
        const program_result told = vmmap(wrong);
        BOOST_TEST(told.status == 2);
        BOOST_TEST(told.out == "");
        BOOST_TEST(told.err.starts_with("vmmap: "));
        BOOST_TEST(told.err.ends_with("Try 'vmmap --help'.\n"));
    }
    const program_result help = vmmap({"--help"});
    BOOST_TEST(help.status == 0);
    BOOST_TEST(help.err == "");
    BOOST_TEST(help.out.starts_with("usage: vmmap [--picture | --json] MEMORY\n"));
    BOOST_TEST(help.out.find("exit status: 0") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_reader_that_has_gone_ends_it_quietly_and_a_full_disk_does_not) {
    const std::string self = std::to_string(::getpid());
    const auto into_nothing = [](void (*handler)(int)) {
        return [handler] {
            int ends[2];
            test::must(::pipe(ends) == 0 && ::close(ends[0]) == 0 && ::dup2(ends[1], STDOUT_FILENO) >= 0, "pipe");
            std::signal(SIGPIPE, handler);
        };
    };
    for (const auto handler : {SIG_DFL, SIG_IGN}) {
        const program_result piped = vmmap({self}, into_nothing(handler));
        BOOST_TEST(piped.status == 128 + SIGPIPE);
        BOOST_TEST(piped.err == "");
    }
    const program_result full =
        vmmap({self}, [] { test::must(::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO) >= 0, "/dev/full"); });
    BOOST_TEST(full.status == 1);
    BOOST_TEST(full.err == "vmmap: cannot write to the standard output: No space left on device\n");
}

BOOST_AUTO_TEST_CASE(the_picture_is_as_wide_as_the_terminal) {
    test::child_process child;
    const std::string id = std::to_string(child.id());
    // Of the longest row that is full, after the label.
    const auto blocks = [](const std::string& picture) {
        std::size_t most = 0;
        std::istringstream lines(picture);
        for (std::string line; std::getline(lines, line);)
            if (line.size() > 13 && line[12] == ' ')
                most = std::max(most, std::min(line.find_first_not_of(".-+*#s", 13), line.size()) - 13);
        return most;
    };
    BOOST_TEST(blocks(vmmap({"--picture", id}, in_locale("C")).out) == 48u);
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    BOOST_REQUIRE((terminal >= 0 && ::grantpt(terminal) == 0 && ::unlockpt(terminal) == 0));
    const winsize size{50, 200, 0, 0};
    BOOST_REQUIRE(::ioctl(terminal, TIOCSWINSZ, &size) == 0);
    const int other_side = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    const pid_t drawing = ::fork();
    test::must(drawing >= 0, "fork");
    if (drawing == 0) {
        ::setenv("LC_ALL", "C", 1);
        ::dup2(other_side, STDOUT_FILENO);
        ::execl(VMIO_VMMAP, "vmmap", "--picture", id.c_str(), nullptr);
        ::_exit(127);
    }
    ::close(other_side);
    std::string seen;
    char some[1024];
    for (ssize_t got = 0; (got = ::read(terminal, some, sizeof some)) > 0;)
        seen.append(some, static_cast<std::size_t>(got));
    ::close(terminal);
    test::must(::waitpid(drawing, nullptr, 0) == drawing, "waitpid");
    BOOST_TEST(blocks(seen) == 168u);
    std::istringstream lines(seen);
    for (std::string line; std::getline(lines, line);) BOOST_TEST(line.size() <= 201u);  // and a carriage return
}
