// SPDX-License-Identifier: BSL-1.0
/// A process that is seen through a /proc where numbers mean other processes than here.
#include <cerrno>
#include <string>
#include <vector>

#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/process_vm_stream.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/search.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "support/error_of.hpp"
#include "support/mounts.hpp"
#include "support/pages.hpp"
#include "support/regions.hpp"
#include "support/scratch.hpp"

using test::error_of;
using vmio::process;
using vmio::process_memory;
using vmio::transfer_method;

namespace {

const std::size_t page = vmio::page_size();

/// Everything that can be asked about the process in `directory`, which has `some`.
void ask_all(const std::string& directory, const test::pages& some) {
    const process target = process::in_proc(directory);
    BOOST_TEST(target.id() == 0);
    BOOST_TEST(target.pidfd() == -1);
    BOOST_TEST(target.alive());
    BOOST_TEST(target.same_program());

    const process_memory memory(target);
    BOOST_TEST((memory.method() == transfer_method::proc_mem));
    std::vector<std::byte> bytes(some.size());
    memory.read(some.start(), bytes);
    BOOST_TEST(test::is_pattern(some.start(), bytes));
    BOOST_CHECK_EXCEPTION(memory.read(0, bytes), vmio::memory_error, [](const vmio::memory_error& e) {
        return e.code().value() == EFAULT && e.process_id() == 0;
    });
    const std::vector<vmio::remote_block> blocks{{some.page(1), std::span(bytes).first(5)}};
    BOOST_TEST(memory.read_blocks(blocks) == std::vector<std::size_t>{5});
    const auto old = memory.read_value<char>(some.start());
    memory.write_value<char>(some.start(), static_cast<char>(old + 1));
    BOOST_TEST(memory.read_value<char>(some.start()) == static_cast<char>(old + 1));
    memory.write_value<char>(some.start(), old);
    vmio::process_vm_istream stream(memory, some.range());
    BOOST_TEST((stream.read_value<std::byte>() == test::pattern(some.start())));

    const auto map = vmio::memory_map::load(target);
    BOOST_REQUIRE(map.find(some.start()) != nullptr);
    BOOST_TEST(vmio::scan_pages(target, some.range(), vmio::page_state::data).size() == 1u);
    std::size_t seen = 0;
    for (vmio::region_reader& chunk : vmio::region_reader(target, test::in(some.range()))) seen += chunk.fetch().size();
    BOOST_TEST(seen == some.size());
    vmio::search_options where;
    where.regions.within = some.range();
    BOOST_TEST(vmio::search(memory, vmio::byte_pattern(std::span(bytes).subspan(page, 64)), where) ==
               std::vector<vmio::address>{some.page(1)});

    vmio::capture_options kept;
    kept.ranges = {some.range()};
    const auto snapshot = vmio::process_snapshot::capture(target, kept);
    snapshot.read(some.start(), bytes);
    BOOST_TEST(test::is_pattern(some.start(), bytes));
    const test::scratch_directory place;
    vmio::core_options dumped;
    dumped.pause = false;
    dumped.wanted = [&](const vmio::mapping& m) { return m.range.overlaps(some.range()); };
    vmio::write_core(target, place / "core", dumped);
    std::error_code ec;
    BOOST_TEST(vmio::core_memory::open(place / "core").read_some(some.start(), bytes, ec) == bytes.size());
    BOOST_TEST(test::is_pattern(some.start(), bytes));

    BOOST_CHECK_EXCEPTION(vmio::pause_guard{target}, vmio::memory_error, [](const vmio::memory_error& e) {
        return e.code().value() == EOPNOTSUPP && std::string(e.what()).find("in_proc()") != std::string::npos;
    });
    BOOST_TEST(error_of([&] { process_memory(target, {.method = transfer_method::process_vm}); }) == EOPNOTSUPP);
}

}  // namespace

BOOST_AUTO_TEST_CASE(process_in_proc_accepts_a_directory_of_our_own_proc) {
    const test::pages some(3);
    test::child_process child;
    const std::string directory = "/proc/" + std::to_string(child.id());
    ask_all(directory, some);
    const process target = process::in_proc(directory);
    const process_memory memory(target);
    child.kill();
    BOOST_TEST(!target.alive());
    std::byte byte;
    std::error_code ec;
    BOOST_TEST(memory.read_some(some.start(), {&byte, 1}, ec) == 0u);
    BOOST_TEST(ec.value() == ESRCH);
    BOOST_TEST(error_of([&] { process::in_proc(directory); }) == ESRCH);
    child.end();
    BOOST_TEST(!target.alive());
    BOOST_TEST(error_of([&] { process::in_proc(directory); }) == ESRCH);
}

BOOST_AUTO_TEST_CASE(the_first_process_of_another_namespace_can_be_opened,
                     *boost::unit_test::precondition(test::can_mount)) {
    const test::pages some(3);
    const test::scratch_directory place;
    // A process whose children live in a namespace of their own, the first of which mounts the /proc of it.
    int hold[2];
    int told[2];
    test::must(::pipe(hold) == 0 && ::pipe(told) == 0, "pipe");
    const pid_t between = ::fork();
    if (between == 0) {
        ::close(hold[1]);
        test::must(::unshare(CLONE_NEWPID) == 0 && test::have_own_mounts(), "unshare");
        const pid_t first = ::fork();
        if (first == 0) {
            test::must(::mount("proc", place.path().c_str(), "proc", 0, nullptr) == 0, "mount");
            test::must(::write(told[1], "", 1) == 1, "write");
            char byte;
            ::_exit(::read(hold[0], &byte, 1) == 0 ? 0 : 1);
        }
        ::waitpid(first, nullptr, 0);
        ::_exit(0);
    }
    ::close(hold[0]);
    char byte;
    test::must(::read(told[0], &byte, 1) == 1, "read");
    const std::string proc = "/proc/" + std::to_string(between) + "/root" + std::string(place.path());
    ask_all(proc + "/1", some);
    BOOST_TEST(error_of([&] { process::in_proc(proc + "/2"); }) == ESRCH);
    for (const int end : {hold[1], told[0], told[1]}) ::close(end);
    ::waitpid(between, nullptr, 0);
}

BOOST_AUTO_TEST_CASE(an_id_without_a_process_is_refused) {
    const test::scratch_directory place;
    BOOST_TEST(error_of([&] { process::in_proc("/proc"); }) == EINVAL);
    BOOST_TEST(error_of([&] { process::in_proc("/proc/sys"); }) == EINVAL);
    BOOST_TEST(error_of([&] { process::in_proc(place.path()); }) == EINVAL);
    BOOST_TEST(error_of([&] { process::in_proc("/proc/self/maps"); }) == ENOTDIR);
    BOOST_TEST(error_of([&] { process::in_proc("/no/such"); }) == ESRCH);
    BOOST_TEST(error_of([&] { process::in_proc("/proc/2"); }) == ESRCH);  // a kernel thread, or nothing
}

BOOST_AUTO_TEST_CASE(a_proc_that_is_mounted_read_only_can_be_read, *boost::unit_test::precondition(test::can_mount)) {
    const test::pages some(1);
    const test::scratch_directory place;
    test::child_process child;
    BOOST_TEST(test::in_a_process([&] {
                   test::must(test::have_own_mounts(), "unshare");
                   test::must(::mount("proc", place.path().c_str(), "proc", MS_RDONLY, nullptr) == 0, "mount");
                   const process target =
                       process::in_proc(std::string(place.path()) + "/" + std::to_string(child.id()));
                   const process_memory memory(target);
                   std::vector<std::byte> bytes(some.size());
                   memory.read(some.start(), bytes);
                   if (!test::is_pattern(some.start(), bytes)) return 1;
                   std::error_code ec;
                   if (memory.write_some(some.start(), bytes, ec) != 0 || ec.value() != EROFS) return 2;
                   if (error_of([&] { process_memory(target, {.force_write = true}); }) != EROFS) return 3;
                   return vmio::memory_map::load(target).find(some.start()) != nullptr ? 0 : 4;
               }) == 0);
}
