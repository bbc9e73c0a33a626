// SPDX-License-Identifier: BSL-1.0
/// What the library says of a program from the distribution, against what others say of it.
#pragma once

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/memory_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/read_past_gaps.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/search.hpp>
#include <vmio/write_core.hpp>

#include "processes/piped_program.hpp"
#include "processes/run_program.hpp"
#include "support/files.hpp"
#include "support/skip.hpp"

namespace proof {

/// Whether all of these can be run.
template <class... Names>
auto with_programs(Names... names) {
    return boost::unit_test::precondition([names...](boost::unit_test::test_unit_id) {
        for (const char* name : {names...})
            if (test::run_program({"sh", "-c", "command -v " + std::string(name)}).status != 0)
                return test::unless_missing(false, name);
        return boost::test_tools::assertion_result(true);
    });
}

/// Ranges, permissions, offsets, devices and inodes of all mappings, and the names as far as pmap(1) shows them.
inline void maps_equal_pmap(pid_t id) {
    const vmio::process target(id);
    const vmio::pause_guard guard(target);
    const vmio::memory_map map = vmio::memory_map::load(target);
    const test::program_result pmap = test::run_program({"pmap", "-X", std::to_string(id)});
    BOOST_TEST_REQUIRE(pmap.status == 0);
    const auto* ours = map.begin();
    std::istringstream lines(pmap.out);
    for (std::string line; std::getline(lines, line);) {
        unsigned long start, offset, inode, size;
        unsigned major, minor;
        char perms[8];
        if (std::sscanf(line.c_str(), " %lx %7s %lx %x:%x %lu %lu", &start, perms, &offset, &major, &minor, &inode,
                        &size) != 7)
            continue;  // a headline, or the sum
        BOOST_TEST_REQUIRE((ours != map.end()));
        BOOST_TEST(ours->range.start() == start);
        BOOST_TEST(ours->range.size() == size * 1024);
        BOOST_TEST(to_string(ours->perms) == perms);
        BOOST_TEST(ours->offset == offset);
        BOOST_TEST((ours->device_major == major && ours->device_minor == minor && ours->inode == inode));
        const std::string name = ours->name.substr(ours->name.rfind('/') + 1);
        BOOST_TEST(line.substr(line.find_last_not_of(' ') + 1 - name.size(), name.size()) == name);
        ++ours;
    }
    BOOST_TEST((ours == map.end()));
    BOOST_TEST(map.size() > 10u);
}

/// gdb, attached to a process, which is stopped from construction to destruction.
class attached_gdb {
public:
    explicit attached_gdb(pid_t id)
        : gdb_({"gdb", "-q", "-nx", "-iex", "set debuginfod enabled off", "-iex", "set auto-solib-add off", "-ex",
                "set confirm off", "-ex", "set pagination off", "-p", std::to_string(id)}) {
        run("");
    }
    ~attached_gdb() {
        gdb_.say("detach\nquit\n");
        gdb_.hear_all();
    }

    /// What it says to a line or more.
    std::string run(const std::string& commands) {
        gdb_.say(commands + "\necho \\n@the end@\\n\n");
        std::string said;
        for (std::string line; !(line = gdb_.hear()).empty() && line.find("@the end@") == line.npos;) said += line;
        return said;
    }

private:
    test::piped_program gdb_;
};

/// Every readable region, byte for byte, by process_memory and by region_reader. What gdb cannot dump must have a gap
/// for us.
inline void regions_equal_gdb(pid_t id) {
    const test::directory directory;
    const vmio::process target(id);
    const vmio::process_memory memory(target);
    attached_gdb gdb(id);
    const vmio::memory_map map = vmio::memory_map::load(target);
    std::size_t compared = 0;
    std::uint64_t total = 0;
    const auto dump = [&](const vmio::address_range& range) {
        std::ostringstream command;
        const auto path = directory / "dump";
        std::filesystem::remove(path);
        command << "dump binary memory " << path.string() << std::hex << " 0x" << range.start() << " 0x" << range.end();
        const std::string said = gdb.run(command.str());
        const auto bytes = test::read_file(path);
        if (bytes.empty()) BOOST_TEST(said.find("Cannot access memory") != std::string::npos);
        return bytes;
    };
    for (const vmio::mapping& m : map) {
        if (!m.perms.read) continue;
        const auto theirs = dump(m.range);
        std::vector<std::byte> ours(m.range.size());
        const auto gaps = vmio::read_past_gaps(memory, m.range.start(), ours);
        BOOST_TEST(theirs.empty() == !gaps.empty());
        if (theirs.empty()) continue;
        BOOST_TEST((ours == theirs), "a region differs: " << m.name);
        vmio::region_reader reader(target, {.within = m.range});
        if (reader.next()) {
            const auto bytes = reader.fetch();
            BOOST_TEST(reader.gaps().empty());
            BOOST_TEST(std::equal(bytes.begin(), bytes.end(), theirs.begin(), theirs.end()));
        }
        ++compared;
        total += theirs.size();
    }
    BOOST_TEST(compared > 10u);
    BOOST_TEST_MESSAGE(compared << " regions, " << total << " bytes");
}

/// Changes `from` into `to`, of the same length, wherever it occurs in writable memory of the program. `ask` gets
/// the program's own answer.
inline void text_is_changed(pid_t id, const std::string& from, const std::string& to,
                            const std::function<std::string()>& ask) {
    BOOST_TEST_REQUIRE(from.size() == to.size());
    BOOST_TEST(ask() == from);
    const vmio::process_memory memory{vmio::process(id)};
    vmio::search_options options;
    options.regions.wanted = [](const vmio::mapping& m) { return m.perms.write; };
    {
        const vmio::pause_guard guard(memory.target());  // or else something else may have taken a place meanwhile
        const auto places = vmio::search(memory, vmio::byte_pattern::text(from), options);
        BOOST_TEST(!places.empty());
        for (const vmio::address place : places) memory.write(place, std::as_bytes(std::span(to)));
    }
    BOOST_TEST(ask() == to);
}

/// The lines of `errors` that warn, but for one that gdb also gives for the kernel's own cores: where the processor has
/// state that a thread must ask for (AMX), the kernel's register set is smaller than gdb 13 expects.
inline std::string warnings_in(const std::string& errors) {
    std::istringstream lines(errors);
    std::string found;
    for (std::string line; std::getline(lines, line);)
        if (line.find("warning") != std::string::npos &&
            !(line.find("`.reg-xstate/") != std::string::npos && line.ends_with("in core file too small.")))
            found += line + '\n';
    return found;
}

/// gdb finds `text`, which the program knows, in a core that is written while it runs, and its threads.
inline void core_opens_in_gdb(pid_t id, const std::string& text) {
    const test::directory directory;
    const vmio::process target(id);
    const auto places = vmio::search(vmio::process_memory(target), vmio::byte_pattern::text(text));
    BOOST_TEST_REQUIRE(!places.empty());
    const auto core = directory / "core";
    const vmio::core_summary written = vmio::write_core(target, core);
    const auto program = std::filesystem::read_symlink("/proc/" + std::to_string(id) + "/exe").string();
    std::vector<std::string> command{"gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off"};
    for (const vmio::address place : places) {  // one at least is no stale copy
        std::ostringstream show;
        show << "x/s 0x" << std::hex << place;
        command.insert(command.end(), {"-ex", show.str()});
    }
    command.insert(command.end(), {"-ex", "info threads", "-ex", "info proc mappings", program, core.string()});
    const test::program_result gdb = test::run_program(command);
    BOOST_TEST(gdb.status == 0);
    BOOST_TEST(gdb.out.find("Core was generated by") != std::string::npos);
    BOOST_TEST(gdb.out.find(text) != std::string::npos);
    BOOST_TEST(warnings_in(gdb.err) == "");
    std::size_t threads = 0;
    for (std::size_t at = 0; (at = gdb.out.find("LWP ", at)) != std::string::npos; ++at) ++threads;
    BOOST_TEST(threads >= written.threads);
    BOOST_TEST(gdb.out.find(program) != std::string::npos);
}

}  // namespace proof
