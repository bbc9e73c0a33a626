// SPDX-License-Identifier: BSL-1.0
/// The two ways in, when which is taken, and what neither may do to the target.
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/process_vm_stream.hpp>
#include <vmio/query_mapping.hpp>
#include <vmio/read_past_gaps.hpp>

#include "faults/seccomp.hpp"
#include "processes/child.hpp"
#include "support/maps.hpp"
#include "support/pages.hpp"

namespace {

using vmio::address;
using vmio::process;
using vmio::process_memory;
using vmio::transfer_method;

const std::size_t page = vmio::page_size();

/// 0 if all that automatic promises holds in this process, where the call is forbidden.
int automatic_by_mem(const process_memory& memory, const test::pages& some) {
    std::vector<std::byte> bytes(some.size());
    std::error_code ec;
    if (memory.read_some(some.start(), bytes, ec) != 2 * page || ec) return 1;
    if (memory.method() != transfer_method::proc_mem) return 2;
    if (!test::is_pattern(some.start(), std::span(bytes).first(2 * page))) return 3;
    if (memory.read_some(some.page(2), bytes, ec) != 0 || ec.value() != EFAULT) return 4;  // PROT_NONE
    if (memory.read_some(0, bytes, ec) != 0 || ec.value() != EFAULT) return 5;
    if (memory.write_some(some.start(), std::span(bytes).first(2 * page), ec) != page || ec) return 6;
    if (memory.write_some(some.page(1), bytes, ec) != 0 || ec.value() != EFAULT) return 7;  // read-only
    std::vector<vmio::remote_block> blocks{{some.start(), std::span(bytes).first(8)},
                                           {some.page(2), std::span(bytes).first(8)},
                                           {some.page(1), std::span(bytes).first(8)}};
    if (memory.read_blocks(blocks) != std::vector<std::size_t>{8, 0, 8}) return 8;
    return 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(automatic_turns_to_mem_where_a_filter_forbids_the_call) {
    test::pages some(3);
    some.protect(1, PROT_READ);
    some.make_hole(2);
    test::child_process target;
    // Filters of service managers and containers give many errnos; these are also those of other failures.
    for (const int error : {EFAULT, ESRCH, ENOMEM, EPERM, ENOSYS, EACCES, ENOTSUP, EINVAL, EIO, EAGAIN})
        BOOST_TEST(test::in_a_process([&] {
                       test::forbid_process_vm(error);
                       const process_memory memory{process(target.id())};
                       if (memory.method() != transfer_method::proc_mem) return 50;
                       return automatic_by_mem(memory, some);
                   }) == 0);
    for (const int error : {EPERM, ENOSYS, EACCES, ENOTSUP, EINVAL, EIO}) {
        // The filter comes after the opening: at the first transfer that it refuses.
        for (const bool writing : {false, true}) {
            BOOST_TEST(test::in_a_process([&] {
                           const process_memory memory{process(target.id())};
                           const process_memory copy = memory;
                           if (memory.method() != transfer_method::process_vm) return 50;
                           test::forbid_process_vm(error);
                           if (writing) memory.write_value(some.start(), some.data()[0]);
                           const int result = automatic_by_mem(memory, some);
                           return result == 0 && copy.method() != transfer_method::proc_mem ? 51 : result;
                       }) == 0);
        }
        BOOST_TEST(test::in_a_process([&] {
                       const process_memory memory{process(target.id())};
                       test::forbid_process_vm(error);
                       std::byte bytes[8];
                       const std::vector<vmio::remote_block> blocks{{some.start(), bytes}};
                       return memory.read_blocks(blocks) == std::vector<std::size_t>{8} ? 0 : 1;
                   }) == 0);
        BOOST_TEST(test::in_a_process([&] {
                       test::forbid_process_vm(error);
                       vmio::process_vm_stream s(target.id(), some.start());
                       s.read_value<long>();
                       return s.good() ? 0 : 1;
                   }) == 0);
    }
}

BOOST_AUTO_TEST_CASE(a_filter_of_one_thread_says_nothing_of_the_others) {
    const test::pages some(1);
    const test::child_process target;
    BOOST_TEST(test::in_a_process([&] {
                   const process_memory memory{process(target.id())};
                   int result = 0;
                   std::thread([&] {
                       test::forbid_process_vm(EPERM);
                       for (int i = 0; i < 2; ++i)
                           if (memory.read_value<std::byte>(some.start()) != some.data()[0]) result = 1;
                       if (memory.method() != transfer_method::proc_mem) result = 2;
                       if (process_memory(process(target.id())).method() != transfer_method::proc_mem) result = 3;
                   }).join();
                   if (memory.method() != transfer_method::process_vm) return 4;
                   if (memory.read_value<std::byte>(some.start()) != some.data()[0]) return 5;
                   return result != 0 || memory.method() == transfer_method::process_vm ? result : 6;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(process_vm_stays_with_the_call_and_says_that_it_is_forbidden) {
    test::child_process target;
    for (const int error : {EPERM, ENOSYS})
        BOOST_TEST(test::in_a_process([&] {
                       test::forbid_process_vm(error);
                       try {
                           process_memory(process(target.id()), {.method = transfer_method::process_vm});
                       } catch (const vmio::memory_error& e) {
                           if (e.code().value() != error) return 1;
                           return std::string(e.what()).find("use transfer_method::automatic") != std::string::npos ? 0
                                                                                                                    : 2;
                       }
                       return 3;
                   }) == 0);
}

BOOST_AUTO_TEST_CASE(advice_at_opening_fits_the_method_that_was_asked_for) {
    test::child_process target;
    const auto advice = [&](vmio::process_memory_options options, bool by_directory = false) -> std::string {
        try {
            process_memory(
                by_directory ? process::in_proc("/proc/" + std::to_string(target.id())) : process(target.id()),
                options);
        } catch (const vmio::memory_error& e) {
            return e.what();
        }
        return {};
    };
    const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
    // No number: of a process of in_proc() no register set is at issue.
    const std::string numberless = advice({.method = transfer_method::process_vm}, true);
    BOOST_TEST(has(numberless, "in_proc()"), numberless);
    BOOST_TEST(!has(numberless, "registers"), numberless);
    // A filter's errno that looks like a refusal of access: whoever uses automatic already is not advised to.
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid_process_vm(EACCES);
                   return has(advice({}), "automatic") ? 1 : 0;
               }) == 0);
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid_with(SYS_openat, 2, O_RDWR, EACCES);
                   const std::string text = advice({.force_write = true});
                   return has(text, "/proc/PID/mem cannot be opened") && !has(text, "automatic") ? 0 : 1;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(reading_and_writing_never_grow_a_stack_of_the_target) {
    // One more, as old thread libraries make them, with nothing below.
    void* const room = ::mmap(nullptr, 64 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    test::must(room != MAP_FAILED && ::munmap(room, 64 * page) == 0, "mmap");
    void* const growing = ::mmap(static_cast<char*>(room) + 62 * page, 2 * page, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    test::must(growing != MAP_FAILED, "mmap");
    test::child_process target;
    const process handle(target.id());
    const auto stacks = [&] {
        return std::vector{test::mapping_named(target.id(), "[stack]"),
                           query_mapping(handle, test::address_of(growing)).value().range};
    };
    const auto before = stacks();
    BOOST_REQUIRE(!before.front().empty());
    std::byte bytes[16] = {};
    for (const auto method : {transfer_method::automatic, transfer_method::process_vm, transfer_method::proc_mem})
        for (const bool force : {false, true}) {
            const process_memory memory(handle, {.method = method, .force_write = force});
            for (const vmio::address_range& stack : before)
                for (const address below : {stack.start() - 16, stack.start() - page, stack.start() - 8 * page}) {
                    std::error_code ec;
                    BOOST_TEST(memory.read_some(below, bytes, ec) == 0u);
                    BOOST_TEST(ec.value() == EFAULT);
                    BOOST_TEST(memory.write_some(below, bytes, ec) == 0u);
                    BOOST_TEST(ec.value() == EFAULT);
                    std::vector<std::byte> across(stack.start() + page - below);
                    BOOST_TEST(vmio::read_past_gaps(memory, below, across).size() == 1u);
                }
            BOOST_TEST((stacks() == before));
        }
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid_process_vm(ENOSYS);
                   const process_memory memory(handle);
                   for (const vmio::address_range& stack : before) {
                       std::error_code ec;
                       memory.read_some(stack.start() - page, bytes, ec);
                       if (ec.value() != EFAULT) return 1;
                   }
                   return stacks() == before ? 0 : 2;
               }) == 0);
    ::munmap(growing, 2 * page);
}

BOOST_AUTO_TEST_CASE(a_forced_write_plants_a_breakpoint_that_only_the_target_sees) {
    const auto* const code = reinterpret_cast<const unsigned char*>(&::getpid);
    const unsigned char original = *code;
    test::child_process target;
    const process_memory plain{process(target.id())};
    const process_memory forced(process(target.id()), {.force_write = true});
    const auto where = test::address_of(code);
    BOOST_CHECK_THROW(plain.write_value<unsigned char>(where, 0xcc), vmio::memory_error);
    forced.write_value<unsigned char>(where, 0xcc);
    BOOST_TEST(plain.read_value<unsigned char>(where) == 0xcc);
    BOOST_TEST(*code == original);  // its copy, not the file's page
    vmio::process_vm_stream s(forced, where);
    s.write_value(original);
    s.flush();
    BOOST_TEST(s.good());
    BOOST_TEST(plain.read_value<unsigned char>(where) == original);
}

BOOST_AUTO_TEST_CASE(a_forced_write_that_the_kernel_refuses_is_an_error_with_advice) {
    const int fd = ::memfd_create("shared", MFD_CLOEXEC);
    BOOST_REQUIRE(::ftruncate(fd, static_cast<off_t>(page)) == 0);
    const int readable = ::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC);
    void* const p = ::mmap(nullptr, page, PROT_READ, MAP_SHARED, readable, 0);
    BOOST_REQUIRE(p != MAP_FAILED);
    test::child_process target;
    const process_memory forced(process(target.id()), {.force_write = true});
    try {
        forced.write_value(test::address_of(p), 5);
        BOOST_ERROR("no exception");
    } catch (const vmio::memory_error& e) {
        BOOST_TEST(e.code().value() == EIO);
        BOOST_TEST(std::string(e.what()).find("force_override") != std::string::npos);
        BOOST_TEST(e.operation() == std::string("write of /proc/PID/mem"));
    }
    BOOST_TEST(*static_cast<int*>(p) == 0);
    ::munmap(p, page);
    ::close(fd);
    ::close(readable);
}

BOOST_AUTO_TEST_CASE(mem_reads_across_mappings_and_stops_at_holes) {
    test::pages some(6);
    some.protect(1, PROT_READ);  // mappings of their own
    some.protect(3, PROT_NONE);
    test::child_process target;
    BOOST_REQUIRE(::munmap(some.data() + 5 * page, page) == 0);
    test::child_process holed;
    std::vector<std::byte> bytes(6 * page);
    std::error_code ec;
    const process_memory whole(process(target.id()), {.method = transfer_method::proc_mem});
    BOOST_TEST(whole.read_some(some.start(), bytes, ec) == 6 * page);
    BOOST_TEST(test::is_pattern(some.start(), bytes));
    const process_memory part(process(holed.id()), {.method = transfer_method::proc_mem});
    BOOST_TEST(part.read_some(some.start(), bytes, ec) == 5 * page);
    BOOST_TEST(!ec);
    BOOST_TEST(part.read_some(some.page(5), bytes, ec) == 0u);
    BOOST_TEST(ec.value() == EFAULT);
}

BOOST_AUTO_TEST_CASE(the_text_of_maps_serves_without_the_query_of_newer_kernels) {
    test::pages some(3);
    some.protect(1, PROT_READ);
    some.make_hole(2);
    test::child_process target;
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid({SYS_process_vm_readv, SYS_process_vm_writev, SYS_ioctl}, ENOSYS);
                   return automatic_by_mem(process_memory{process(target.id())}, some);
               }) == 0);
}

BOOST_AUTO_TEST_CASE(the_refusal_is_reported_where_mem_is_closed_too) {
    test::child_process target;
    BOOST_TEST(test::in_a_process([&] {
                   const process handle(target.id());
                   test::forbid({SYS_process_vm_readv, SYS_process_vm_writev, SYS_openat}, EPERM);
                   std::error_code ec;
                   process_memory(handle, ec);
                   return ec.value() == EPERM ? 0 : 1;
               }) == 0);
}
