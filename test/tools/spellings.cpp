// SPDX-License-Identifier: BSL-1.0
/// Each tool with each kind of memory, and what it says of what a kind cannot do.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "processes/gdb_server.hpp"
#include "processes/run_program.hpp"
#include "support/mapped.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"
#include "tool.hpp"

using test::program_result;
using vmio::address;
using vmio::process;

namespace {

const std::size_t page = vmio::page_size();
constexpr std::string_view text = "what the tools are to find\n";
constexpr const char* region = "memfd:spelled";

/// With `input` to read.
program_result run(const std::vector<std::string>& command, const std::string& input = {}) {
    return test::run_program(command, [&] {
        const int fd = ::memfd_create("input", 0);
        test::must(::write(fd, input.data(), input.size()) == static_cast<ssize_t>(input.size()), "write");
        test::must(::lseek(fd, 0, SEEK_SET) == 0 && ::dup2(fd, STDIN_FILENO) == STDIN_FILENO, "dup2");
    });
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

/// A process whose memory has the text in a region with a name, and what was kept of it.
struct spelled {
    spelled() {
        vmio::write_core(process(child.id()), directory / "core");
        vmio::process_snapshot::capture(process(child.id())).save(directory / "snapshot");
        std::ofstream(directory / "raw", std::ios::binary).write(memory.data(), static_cast<std::streamsize>(2 * page));
    }

    static int file() {
        const int fd = ::memfd_create("spelled", MFD_CLOEXEC);
        test::must(fd >= 0 && ::ftruncate(fd, static_cast<off_t>(2 * page)) == 0, "memfd_create");
        test::must(::pwrite(fd, text.data(), text.size(), 100) == static_cast<ssize_t>(text.size()), "pwrite");
        return fd;
    }

    std::string where(std::size_t offset = 100) const { return tool::hex(memory.start() + offset); }
    std::string range() const { return where() + '+' + std::to_string(text.size()); }
    std::string core() const { return "core:" + (directory / "core"); }
    std::string snapshot() const { return "snapshot:" + (directory / "snapshot"); }
    std::string raw() const { return "raw:" + (directory / "raw") + "@0x" + where(0); }

    /// All but the one of a server, each of whose connections needs a server of its own.
    std::vector<std::string> spellings() const {
        return {id,
                "pid:" + id,
                "/proc/" + id,
                "proc:/proc/" + id,
                "comm:" + name,
                core(),
                snapshot(),
                raw(),
                directory / "core",
                directory / "snapshot",
                id + "#0x" + where(0) + "+4K"};
    }
    bool knows_names(const std::string& spelling) const { return spelling != raw(); }

    test::mapped memory{2, MAP_PRIVATE, file()};
    std::string name = "vmio-s" + std::to_string(::getpid());
    test::child_process child{[this] { ::prctl(PR_SET_NAME, name.c_str()); }};
    std::string id = std::to_string(child.id());
    test::scratch_directory directory;
};

/// Calls body(spelling) for each, the one of a server too, where there is one.
void with_each(const spelled& s, const std::function<void(const std::string&)>& body) {
    for (const std::string& spelling : s.spellings()) BOOST_TEST_CONTEXT(spelling) {
            body(spelling);
        }
    if (!test::has_gdb_server()) return;
    const test::gdb_server server(s.child.id());
    BOOST_TEST_CONTEXT("gdb:") {
        body("gdb:" + server.place());
    }
}

boost::test_tools::assertion_result with_gdb_server(boost::unit_test::test_unit_id) {
    return test::unless_missing(test::has_gdb_server(), "gdbserver");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(spelled_memory, *boost::unit_test::precondition(with_gdb_server))

BOOST_FIXTURE_TEST_CASE(vmgrep_finds_a_text_in_each_kind_of_memory, spelled) {
    with_each(*this, [&](const std::string& spelling) {
        std::vector<std::string> command{VMIO_VMGREP, spelling, std::string(text.substr(0, 26)), "-C0"};
        if (knows_names(spelling)) command.insert(command.end(), {"--region", region});
        const program_result found = run(command);
        BOOST_TEST(found.err == "");
        BOOST_TEST(found.status == 0);
        BOOST_TEST(found.out.starts_with(tool::hex(memory.start() + 100, 12) + " r"));
        BOOST_TEST(has(found.out, "|what the tools are to find|"));
        if (knows_names(spelling)) BOOST_TEST(has(found.out, region));
        BOOST_TEST(std::count(found.out.begin(), found.out.end(), '\n') == 1);
    });
    const std::string window = core() + "#0x" + where(101) + "+4K";
    BOOST_TEST(run({VMIO_VMGREP, window, std::string(text)}).status == 1);
    BOOST_TEST(run({VMIO_VMGREP, id + "#0x" + where(101) + "+4K", std::string(text)}).status == 1);
}

BOOST_FIXTURE_TEST_CASE(vmcat_copies_a_range_of_each_kind_of_memory, spelled) {
    with_each(*this, [&](const std::string& spelling) {
        const program_result raw = run({VMIO_VMCAT, spelling, range()});
        BOOST_TEST(raw.err == "");
        BOOST_TEST(raw.out == text);
    });
    with_each(*this, [&](const std::string& spelling) {
        const bool named = knows_names(spelling);
        const program_result all = run({VMIO_VMCAT, spelling, named ? "memfd:spelled+127" : where(0) + "+127"});
        BOOST_TEST(all.err == "");
        BOOST_TEST((all.out == std::string(100, '\0') + std::string(text)));
    });
    with_each(*this, [&](const std::string& spelling) {
        const program_result dump = run({VMIO_VMCAT, "--hex", spelling, where() + "+16"});
        BOOST_TEST(has(dump.out, "|what the tools a|"));
        BOOST_TEST(dump.status == 0);
    });
    // From the start of the mapping on to its end, or that of the window.
    with_each(*this, [&](const std::string& spelling) {
        const std::size_t size = has(spelling, "+4K") ? 4096 : 2 * page;
        BOOST_TEST(run({VMIO_VMCAT, spelling, where(1)}).out.size() == size - 1);
    });
}

BOOST_FIXTURE_TEST_CASE(vmcat_goes_past_what_a_kind_has_not, spelled) {
    for (const std::string& spelling : {core(), snapshot(), raw(), id + "#0x" + where(0) + "+8K"}) {
        const std::string wide = tool::hex(memory.start() - (address{1} << 40)) + '-' + where(page);
        const program_result dump = run({VMIO_VMCAT, "--hex", spelling, wide});
        BOOST_TEST(dump.status == 1);
        BOOST_TEST(has(dump.out, "|....what the too|"));
        BOOST_TEST(has(dump.err, "vmcat: not read: " + tool::hex(memory.start() - (address{1} << 40), 12)));
    }
}

BOOST_FIXTURE_TEST_CASE(vmmap_lists_each_kind_of_memory, spelled) {
    with_each(*this, [&](const std::string& spelling) {
        if (spelling.starts_with(id + '#')) return;
        const bool is_process =
            !has(spelling, "core") && !has(spelling, "snapshot") && !has(spelling, "raw:") && !has(spelling, "gdb:");
        const program_result list = run({VMIO_VMMAP, spelling});
        BOOST_TEST(list.err == "");
        BOOST_TEST(list.status == 0);
        BOOST_TEST(has(list.out, is_process ? "resident   changed   swapped  name\n" : "KiB  readable  name\n"));
        BOOST_TEST(has(list.out, tool::hex(memory.start(), 12) + '-' + tool::hex(memory.page(2), 12)));
        if (knows_names(spelling)) BOOST_TEST(has(list.out, region));
        if (!is_process) {
            const std::string size = std::to_string(2 * page / 1024);
            BOOST_TEST(has(list.out, std::string(10 - size.size(), ' ') + size + std::string(10 - size.size(), ' ') +
                                         size + (knows_names(spelling) ? "  /memfd" : "\n")));
        }
    });
    const program_result json = run({VMIO_VMMAP, "--json", core()});
    BOOST_TEST(json.out.starts_with("{\"process\": " + id + ", "));
    BOOST_TEST(has(json.out, "\"resident\": null, \"changed\": null, \"swapped\": null, \"readable\": "));
    BOOST_TEST(!has(run({VMIO_VMMAP, "--json", id}).out, "readable"));
}

BOOST_FIXTURE_TEST_CASE(snapshot_diff_compares_any_two_kinds_of_memory, spelled) {
    const auto compare = [&](const std::string& one, const std::string& other) {
        return run({VMIO_SNAPSHOT_DIFF, one, other});
    };
    const std::string window = "#0x" + where(0) + "+8K";
    with_each(*this, [&](const std::string& spelling) {
        const program_result same = compare(id + window, spelling.substr(0, spelling.find('#')) + window);
        BOOST_TEST(same.err == "");
        BOOST_TEST(same.status == 0);
        BOOST_TEST(has(same.out, "runs: 0, bytes: 0, vanished: 0 B, appeared: 0 B"));
    });
    vmio::process_memory(process(child.id())).write_value(memory.start() + 100, 'W');
    with_each(*this, [&](const std::string& spelling) {
        const bool is_kept = has(spelling, "core") || has(spelling, "snapshot") || has(spelling, "raw:");
        const program_result changed = compare(spelling.substr(0, spelling.find('#')) + window, id + window);
        BOOST_TEST(changed.err == "");
        BOOST_TEST(changed.status == (is_kept ? 1 : 0));
        BOOST_TEST(has(changed.out, "runs: " + std::string(is_kept ? "1, bytes: 1" : "0, bytes: 0")));
        if (!is_kept) return;
        BOOST_TEST(has(changed.out, "|....What the too|"));
        const program_result back = compare(id + window, spelling.substr(0, spelling.find('#')) + window);
        BOOST_TEST(back.status == 1);
        BOOST_TEST(has(back.out, "|....what the too|"));
    });
    const program_result less = compare(core() + window, id + "#0x" + where(0) + "+4K");
    BOOST_TEST(less.status == 1);
    BOOST_TEST(has(less.out, "vanished: 4.0 KiB, appeared: 0 B"));
    BOOST_TEST(has(less.out, ": vanished\n"));
    const program_result named = run({VMIO_SNAPSHOT_DIFF, "--pause", "--region", region, snapshot(), id});
    BOOST_TEST(named.err == "");
    BOOST_TEST(has(named.out, "runs: 1, bytes: 1, vanished: 0 B, appeared: 0 B"));
}

BOOST_FIXTURE_TEST_CASE(poke_and_heap_blocks_take_each_kind_of_memory, spelled) {
    with_each(*this, [&](const std::string& spelling) {
        const program_result line = run({VMIO_POKE, spelling, "0x" + where()});
        BOOST_TEST(line.err == "");
        BOOST_TEST(line.out == text);
    });
    with_each(*this, [&](const std::string& spelling) {
        const program_result block = run({VMIO_HEAP_BLOCKS, spelling}, "0x" + where() + " 16\n");
        BOOST_TEST(block.status == 0);
        BOOST_TEST(has(block.out, "|what the tools a|"));
    });
}

BOOST_FIXTURE_TEST_CASE(memory_behind_a_server_is_written, spelled) {
    {
        const test::gdb_server server(child.id());
        const program_result written = run({VMIO_VMCAT, "--write", "gdb:" + server.place(), where() + "+4"}, "that");
        BOOST_TEST(written.err == "");
        BOOST_TEST(written.status == 0);
    }
    BOOST_TEST(run({VMIO_VMCAT, id, where() + "+8"}).out == "that the");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_CASE(what_a_kind_of_memory_cannot_do_is_said_in_a_sentence, spelled) {
    const auto says = [&](const std::vector<std::string>& command, const std::string& sentence) {
        const program_result refused = run(command);
        BOOST_TEST(refused.status != 0);
        BOOST_TEST(refused.out == "");
        const std::string name = command[0].substr(command[0].rfind('/') + 1);
        BOOST_TEST(refused.err == name + ": " + sentence + '\n');
    };
    const std::string file = directory / "core";
    says({VMIO_VMGREP, core(), "x", "--threads", "2"},
         core() + ": a core file is searched by one thread: leave out --threads");
    says({VMIO_VMGREP, raw(), "x", "--region", "y"},
         raw() + ": a raw image has no names for --region: use a window, MEMORY#START-END");
    says({VMIO_VMCAT, snapshot(), "--write", range()},
         snapshot() + ": a snapshot cannot be written: give a process, or gdb:HOST:PORT");
    says({VMIO_VMCAT, raw(), "[stack]"},
         raw() + ": a raw image has no names of regions: give addresses, START-END or START+SIZE");
    says({VMIO_VMMAP, "--picture", file}, file + ": a core file has no resident pages to draw: leave out --picture");
    says({VMIO_SNAPSHOT_DIFF, core()},
         core() + ": a core file is not captured: give another memory to compare it with");
    says({VMIO_SNAPSHOT_DIFF, raw(), id, "--region", "x"},
         raw() + ": a raw image has no names for --region: use a window, MEMORY#START-END");
    says({VMIO_VMDUMP, snapshot()}, snapshot() + ": a snapshot is not dumped: give a process that runs");
    says({VMIO_VMDUMP, "gdb:127.0.0.1:1"},
         "gdb:127.0.0.1:1: a target of a debugging server is not dumped: give a process that runs");
    says({VMIO_POKE, core(), "0x" + where(), "x"},
         core() + ": a core file cannot be written: give a process, or gdb:HOST:PORT");
    says({VMIO_BREAKPOINT, "--pid", core(), "main"}, core() + ": a core file calls nothing: give a process");
}

BOOST_FIXTURE_TEST_CASE(a_spelling_that_makes_no_sense_is_wrong_usage, spelled) {
    for (const std::string& wrong : {std::string("cor:x"), std::string("no-such-program"), std::string("pid:x"),
                                     std::string("core:"), id + "#12", core() + "#x"})
        for (const std::vector<std::string>& command :
             std::vector<std::vector<std::string>>{{VMIO_VMGREP, wrong, "x"},
                                                   {VMIO_VMCAT, wrong, "10-20"},
                                                   {VMIO_VMMAP, wrong},
                                                   {VMIO_SNAPSHOT_DIFF, wrong},
                                                   {VMIO_SNAPSHOT_DIFF, id, wrong},
                                                   {VMIO_HEAP_BLOCKS, wrong},
                                                   {VMIO_POKE, wrong, "10"},
                                                   {VMIO_VMDUMP, wrong},
                                                   {VMIO_BREAKPOINT, "--pid", wrong, "main"}}) {
            const program_result refused = run(command);
            BOOST_TEST(refused.status == 2);
            BOOST_TEST(!has(refused.err, "vmio::"));
            BOOST_TEST(has(refused.err, " --help'.\n"));
        }
    BOOST_TEST(has(run({VMIO_VMCAT, "cor:x", "10-20"}).err, "did you mean 'core:x'?"));
    BOOST_TEST(has(run({VMIO_VMMAP, id + "#0x1000-0x2000"}).err, "a window is for memory, not for a process"));
    const program_result both = run({VMIO_SNAPSHOT_DIFF, "--after", "1", id, core()});
    BOOST_TEST(both.status == 2);
    BOOST_TEST(has(both.err, "MEMORY and OTHER are compared at once"));
}
