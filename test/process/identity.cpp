// SPDX-License-Identifier: BSL-1.0
/// Whose memory it is: a number that was given away again, and a program that was replaced.
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <sstream>
#include <thread>
#include <vector>

#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/process_vm_stream.hpp>
#include <vmio/query_mapping.hpp>
#include <vmio/read_past_gaps.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/smaps.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "processes/exec_loop_process.hpp"
#include "processes/questions.hpp"
#include "processes/replaced_process.hpp"
#include "support/pages.hpp"
#include "support/skip.hpp"

namespace {

using vmio::process;
using vmio::process_memory;
using vmio::transfer_method;

/// A child with the number `id`, which nobody has now; -1 if that cannot be had.
pid_t fork_with_id(pid_t id) {
    clone_args args{};
    args.exit_signal = SIGCHLD;
    args.set_tid = reinterpret_cast<std::uintptr_t>(&id);
    args.set_tid_size = 1;
    const long result = ::syscall(SYS_clone3, &args, sizeof args);
    if (result == 0)
        for (;;) ::pause();
    return static_cast<pid_t>(result);
}

boost::test_tools::assertion_result can_choose_ids(boost::unit_test::test_unit_id) {
    test::child_process child;
    child.end();
    const pid_t id = fork_with_id(child.id());
    if (id > 0) {
        ::kill(id, SIGKILL);
        ::waitpid(id, nullptr, 0);
    }
    return test::unless_missing(id == child.id(), "root, and clone3 with set_tid");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_recycled_pid_is_no_such_process, *boost::unit_test::precondition(can_choose_ids)) {
    const test::pages some(2);
    test::child_process child;
    const process target(child.id());
    const process_memory vm(target, {.method = transfer_method::process_vm});
    const process_memory mem(target, {.method = transfer_method::proc_mem});
    const process_memory automatic(target);
    const process_memory forced(target, {.force_write = true});
    vmio::process_vm_stream stream(automatic, some.start());
    stream.read_value<int>();
    child.end();
    const pid_t other = fork_with_id(child.id());
    BOOST_REQUIRE(other == child.id());
    // The other one has the same memory at the same place, so only its identity can make the difference.
    BOOST_TEST((process_memory{process(other)}.read_value<std::byte>(some.start()) == test::pattern(some.start())));

    std::vector<std::byte> bytes(64, std::byte{0x5a});
    for (const process_memory& memory : {vm, mem, automatic, forced}) {
        std::error_code ec;
        BOOST_TEST(memory.read_some(some.start(), bytes, ec) == 0u);
        BOOST_TEST(ec.value() == ESRCH);
        BOOST_TEST(memory.write_some(some.start(), bytes, ec) == 0u);
        BOOST_TEST(ec.value() == ESRCH);
        BOOST_TEST(memory.read_some(0, bytes, ec) == 0u);
        BOOST_TEST(ec.value() == ESRCH);
        const std::vector<vmio::remote_block> blocks{{some.start(), bytes}, {0, bytes}};
        std::vector<vmio::block_transfer> results(2);
        memory.read_blocks(blocks, results);
        for (const auto& r : results) BOOST_TEST((r.moved == 0 && r.error.value() == ESRCH));
        memory.write_blocks(blocks, results);
        for (const auto& r : results) BOOST_TEST((r.moved == 0 && r.error.value() == ESRCH));
        BOOST_CHECK_THROW(vmio::read_past_gaps(memory, some.start(), bytes), vmio::memory_error);
    }
    BOOST_TEST(!target.alive());
    BOOST_TEST(!target.same_program());
    stream.seekg(static_cast<std::streamoff>(some.start()));
    stream.get();
    BOOST_TEST(stream.bad());
    BOOST_TEST(stream.last_error().value() == ESRCH);
    BOOST_TEST(test::is_pattern(some.start(), test::peek(other, some.start(), some.size())));
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
}

BOOST_AUTO_TEST_CASE(an_exec_is_noticed_by_queries_and_by_mem) {
    const test::pages some(1);
    test::replaced_process target;
    const process handle(target.id());
    const process_memory mem(handle, {.method = transfer_method::proc_mem});
    const process_memory forced(handle, {.force_write = true});
    BOOST_TEST(handle.same_program());
    BOOST_TEST((mem.read_value<std::byte>(some.start()) == test::pattern(some.start())));
    target.exec();
    BOOST_TEST(handle.alive());
    BOOST_TEST(!handle.same_program());
    std::byte byte{};
    std::error_code ec;
    BOOST_TEST(mem.read_some(some.start(), {&byte, 1}, ec) == 0u);
    BOOST_TEST(ec.value() == ESTALE);
    BOOST_TEST((ec == vmio::errc::program_changed));
    BOOST_TEST(forced.write_some(some.start(), {&byte, 1}, ec) == 0u);
    BOOST_TEST(ec.value() == ESTALE);
    const process again(target.id());
    BOOST_TEST(again.same_program());
}

BOOST_AUTO_TEST_CASE(a_query_without_permission_is_an_error, *boost::unit_test::precondition(test::as_root)) {
    test::child_process child;
    BOOST_TEST(test::as_nobody([&] {
                   const process target(child.id());
                   try {
                       target.same_program();
                   } catch (const vmio::memory_error& e) {
                       return e.code() == vmio::errc::permission_denied ? 0 : 2;
                   }
                   return 1;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_vfork_child_that_has_ended_does_not_leave_its_parents_memory_open) {
    static int value = 42;
    int told[2];
    int go[2];
    int over[2];
    BOOST_REQUIRE((::pipe(told) == 0 && ::pipe(go) == 0 && ::pipe(over) == 0));
    const pid_t parent = ::fork();
    if (parent == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const pid_t child = ::vfork();
        if (child == 0) {  // in its parent's memory, and its parent waits
            const auto id = static_cast<pid_t>(::syscall(SYS_getpid));
            char byte;
            if (::write(told[1], &id, sizeof id) != sizeof id || ::read(go[0], &byte, 1) != 1) ::_exit(1);
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
        test::must(::write(over[1], "", 1) == 1, "write");
        for (;;) ::pause();
    }
    pid_t id = 0;
    BOOST_REQUIRE(::read(told[0], &id, sizeof id) == static_cast<ssize_t>(sizeof id));
    {
        const process target(id);
        const process_memory mem(target, {.method = transfer_method::proc_mem});
        const process_memory forced(target, {.force_write = true});
        const auto where = test::address_of(&value);
        BOOST_TEST(mem.read_value<int>(where) == 42);
        char byte;
        BOOST_REQUIRE(::write(go[1], "", 1) == 1);
        BOOST_REQUIRE(::read(over[0], &byte, 1) == 1);
        std::error_code ec;
        int other = 99;
        BOOST_TEST(mem.read_some(where, std::as_writable_bytes(std::span(&other, 1)), ec) == 0u);
        BOOST_TEST(ec.value() == ESRCH);
        query_mapping(target, where, vmio::mapping_lookup::exact, {}, ec);
        BOOST_TEST(ec.value() == ESRCH);
        other = 99;
        BOOST_TEST(forced.write_some(where, std::as_bytes(std::span(&other, 1)), ec) == 0u);
        BOOST_TEST(ec.value() == ESRCH);
        BOOST_TEST((process_memory{process(parent)}.read_value<int>(where) == 42));
    }
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    for (const int fd : {told[0], told[1], go[0], go[1], over[0], over[1]}) ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_failed_open_is_the_error_of_every_transfer, *boost::unit_test::precondition(test::as_root)) {
    test::child_process child;
    BOOST_TEST(
        test::as_nobody([&] {
            std::error_code ec;
            const process_memory mem(process(child.id()), {.method = transfer_method::proc_mem}, ec);
            if (ec != vmio::errc::permission_denied) return 1;
            std::byte byte{};
            if (mem.read_some(test::address_of(&child), {&byte, 1}, ec) != 0 || ec != vmio::errc::permission_denied)
                return 2;
            if (mem.write_some(test::address_of(&child), {&byte, 1}, ec) != 0 || ec != vmio::errc::permission_denied)
                return 3;
            return 0;
        }) == 0);
}

BOOST_AUTO_TEST_CASE(a_process_that_calls_exec_again_and_again_is_never_gone) {
    for (const char* caller : {"leader", "thread"}) {
        test::exec_loop_process target(VMIO_EXEC_LOOP, caller);
        const process before(target.id());
        target.begin();
        while (before.same_program()) std::this_thread::yield();
        for (int i = 0; i < 60; ++i) {
            for (auto* const use : test::of_one_program)
                BOOST_TEST(test::memory_error_of([&] { use(before); }) == ESTALE);
            for (auto* const use : test::of_any_program) {
                const int error = test::memory_error_of([&] { use(before); });
                BOOST_TEST((error == 0 || error == ESTALE), "error " << error);
            }
            std::error_code ec;
            const process now(target.id(), ec);
            if (ec) continue;  // its id was that of a dead thread just then
            for (auto* const use : test::of_one_program) {
                const int error = test::memory_error_of([&] { use(now); });
                BOOST_TEST((error == 0 || error == ESTALE), "error " << error);
            }
        }
        BOOST_TEST(before.alive());
    }
}
