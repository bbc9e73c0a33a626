// SPDX-License-Identifier: BSL-1.0
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/process_memory.hpp>
#include <vmio/read_past_gaps.hpp>

#include "processes/child.hpp"
#include "support/directory.hpp"
#include "support/mapped.hpp"
#include "support/maps.hpp"
#include "support/pages.hpp"
#include "support/skip.hpp"

using vmio::address;
using vmio::address_range;
using vmio::gap_reason;
using vmio::memory_gap;
using vmio::process;
using vmio::process_memory;

namespace {

const std::size_t page = vmio::page_size();
using gaps = std::vector<memory_gap>;

memory_gap gap(const test::pages& of, std::size_t first, std::size_t count, gap_reason why) {
    return {address_range::of_size(of.page(first), count * page), why};
}

}  // namespace

BOOST_AUTO_TEST_CASE(readable_bytes_are_read_and_the_rest_is_zero_and_listed) {
    test::pages some(12);
    some.protect(1, PROT_NONE);
    some.protect(4, PROT_NONE, 3);
    some.protect(11, PROT_WRITE);
    test::child_process child([&] { ::munmap(some.data() + 8 * page, 2 * page); });
    const process_memory memory{process(child.id())};
    std::vector<std::byte> bytes(12 * page, std::byte{0xee});
    const gaps found = vmio::read_past_gaps(memory, some.start(), bytes);
    const gaps expected{gap(some, 1, 1, gap_reason::no_permission), gap(some, 4, 3, gap_reason::no_permission),
                        gap(some, 8, 2, gap_reason::unmapped), gap(some, 11, 1, gap_reason::no_permission)};
    BOOST_TEST(found == expected, boost::test_tools::per_element());
    for (const std::size_t good : {0, 2, 3, 7, 10})
        BOOST_TEST(test::is_pattern(some.page(good), std::span(bytes).subspan(good * page, page)));
    for (const std::size_t bad : {1, 4, 5, 6, 8, 9, 11})
        BOOST_TEST(test::all_equal(std::span(bytes).subspan(bad * page, page), std::byte{0}));
}

BOOST_AUTO_TEST_CASE(bytes_of_the_caller_stay_in_gaps_if_the_fill_is_keep) {
    test::pages some(3);
    some.make_hole(1);
    const process_memory memory(process::self());
    std::vector<std::byte> bytes(2 * page, std::byte{0xee});
    // From the middle of a page to the middle of a page.
    const gaps found = vmio::read_past_gaps(memory, some.start() + page / 2, bytes, vmio::gap_fill::keep);
    BOOST_TEST(found == (gaps{gap(some, 1, 1, gap_reason::no_permission)}), boost::test_tools::per_element());
    BOOST_TEST(test::is_pattern(some.start() + page / 2, std::span(bytes).first(page / 2)));
    BOOST_TEST(test::all_equal(std::span(bytes).subspan(page / 2, page), std::byte{0xee}));
    BOOST_TEST(test::is_pattern(some.page(2), std::span(bytes).last(page / 2)));
}

BOOST_AUTO_TEST_CASE(guard_pages_file_ends_and_io_pages_have_reasons_of_their_own) {
    test::pages some(8);
    const int fd = ::memfd_create("short", MFD_CLOEXEC);
    BOOST_REQUIRE(::ftruncate(fd, static_cast<off_t>(page + 10)) == 0);
    BOOST_REQUIRE(::mmap(some.data() + 4 * page, 4 * page, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) != MAP_FAILED);
    const bool guards = test::install_guards(some.data() + page, 2 * page);
    BOOST_TEST_MESSAGE("MADV_GUARD_INSTALL: " << guards);
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{process(id)};
        std::vector<std::byte> bytes(8 * page, std::byte{0xee});
        gaps expected;
        if (guards) expected.push_back(gap(some, 1, 2, gap_reason::guard_page));
        expected.push_back(gap(some, 6, 2, gap_reason::past_end_of_file));
        BOOST_TEST(vmio::read_past_gaps(memory, some.start(), bytes) == expected, boost::test_tools::per_element());
        BOOST_TEST(test::is_pattern(some.page(3), std::span(bytes).subspan(3 * page, page)));
        if (guards) {
            // From within a guard page, and to where pages are whole again.
            const auto rest = std::span(bytes).first(3 * page - 100);
            const gaps found = vmio::read_past_gaps(memory, some.page(1) + 100, rest);
            BOOST_TEST(found == (gaps{{{some.page(1) + 100, some.page(3)}, gap_reason::guard_page}}),
                       boost::test_tools::per_element());
            BOOST_TEST(test::is_pattern(some.page(3), rest.last(page)));
        }

        if (const address_range vvar = test::mapping_named(id, "[vvar]"); !vvar.empty()) {
            std::vector<std::byte> there(vvar.size());
            const gaps found = vmio::read_past_gaps(memory, vvar.start(), there);
            BOOST_TEST(found == (gaps{{vvar, gap_reason::input_output}}), boost::test_tools::per_element());
        }
    });
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_large_hole_costs_a_few_calls_and_not_one_a_page) {
    // 64 GiB of address space with a page at each end; our side is as large, but never touched.
    const std::size_t size = std::size_t{64} << 30;
    void* const theirs = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void* const ours =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    BOOST_REQUIRE((theirs != MAP_FAILED && ours != MAP_FAILED));
    auto* const first = static_cast<std::byte*>(theirs);
    for (std::byte* edge : {first, first + size - page}) {
        test::must(::mprotect(edge, page, PROT_READ | PROT_WRITE) == 0, "mprotect");
        *edge = std::byte{7};
    }
    test::child_process child([&] { ::munmap(first + size / 2, size / 4); });
    const process_memory memory{process(child.id())};
    auto* const to = static_cast<std::byte*>(ours);
    const address at = test::address_of(theirs);
    const gaps expected{{{at + page, at + size / 2}, gap_reason::no_permission},
                        {{at + size / 2, at + size / 2 + size / 4}, gap_reason::unmapped},
                        {{at + size / 2 + size / 4, at + size - page}, gap_reason::no_permission}};
    BOOST_TEST(vmio::read_past_gaps(memory, at, {to, size}, vmio::gap_fill::keep) == expected,
               boost::test_tools::per_element());
    BOOST_TEST((to[0] == std::byte{7} && to[size - page] == std::byte{7}));
    ::munmap(theirs, size);
    ::munmap(ours, size);
}

BOOST_AUTO_TEST_CASE(a_process_that_is_gone_is_an_error_and_not_one_large_gap) {
    const test::pages some(2);
    test::child_process child;
    const process_memory memory{process(child.id())};
    child.end();
    std::vector<std::byte> bytes(2 * page);
    BOOST_CHECK_THROW(vmio::read_past_gaps(memory, some.start(), bytes), vmio::memory_error);
    BOOST_TEST(vmio::read_past_gaps(process_memory(process::self()), 0, {}).empty());
}

BOOST_AUTO_TEST_CASE(a_read_by_proc_mem_has_gaps_only_where_the_kernel_cannot_read) {
    test::pages some(4);
    const bool guards = test::install_guards(some.data() + page, page);
    some.protect(0, PROT_NONE, 4);
    const process_memory memory(process::self(), {.method = vmio::transfer_method::proc_mem});
    std::vector<std::byte> bytes(4 * page);
    gaps expected;
    if (guards) expected.push_back(gap(some, 1, 1, gap_reason::guard_page));
    BOOST_TEST(vmio::read_past_gaps(memory, some.start(), bytes) == expected, boost::test_tools::per_element());
    BOOST_TEST(test::is_pattern(some.page(2), std::span(bytes).subspan(2 * page)));
}

BOOST_AUTO_TEST_CASE(the_end_of_a_file_is_known_without_privileges, *boost::unit_test::precondition(test::as_root)) {
    const test::directory place;
    const int fd = ::open((place / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    BOOST_REQUIRE(::ftruncate(fd, static_cast<off_t>(page + 10)) == 0);
    BOOST_TEST(test::as_nobody([&] {
                   void* const p = ::mmap(nullptr, 4 * page, PROT_READ, MAP_PRIVATE, fd, 0);
                   const auto start = vmio::address_of(p);
                   std::vector<std::byte> bytes(4 * page);
                   const auto lost = vmio::read_past_gaps(process_memory(process::self()), start, bytes);
                   const memory_gap expected{{start + 2 * page, start + 4 * page}, gap_reason::past_end_of_file};
                   return lost.size() == 1 && lost[0] == expected ? 0 : 1;
               }) == 0);
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_hole_is_an_error_where_the_maps_cannot_be_read, *boost::unit_test::precondition(test::as_root)) {
    test::pages some(2);
    some.make_hole(1);
    BOOST_TEST(test::in_a_process([&] {
                   test::must(::unshare(CLONE_NEWNS) == 0, "unshare");
                   test::must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private");
                   test::must(::umount2("/proc", MNT_DETACH) == 0, "umount");
                   const process_memory memory(process::self());
                   std::vector<std::byte> bytes(2 * page);
                   try {
                       vmio::read_past_gaps(memory, some.start(), bytes);
                   } catch (const vmio::memory_error& e) {
                       return e.code().value() == EACCES && e.where() == some.page(1) ? 0 : 2;
                   }
                   return 1;
               }) == 0);
}
