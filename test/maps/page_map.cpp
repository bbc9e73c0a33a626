// SPDX-License-Identifier: BSL-1.0
#include <vmio/page_map.hpp>

#include <cerrno>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>

#include "faults/count_allocations.hpp"
#include "faults/seccomp.hpp"
#include "proc/pagemap_scan.hpp"
#include "processes/child.hpp"
#include "processes/replaced_process.hpp"
#include "support/error_of.hpp"
#include "support/kernel_features.hpp"
#include "support/mapped.hpp"
#include "support/maps.hpp"
#include "support/page_picture.hpp"
#include "support/skip.hpp"
#include "support/swap.hpp"

using test::error_of;
using test::in_order;
using test::picture;
using vmio::address_range;
using vmio::has;
using vmio::page_map;
using vmio::page_run;
using vmio::page_state;
using vmio::process;
using vmio::scan_pages;

namespace {

const std::size_t page = vmio::page_size();
constexpr std::size_t gibibyte = std::size_t{1} << 30;

page_run run(const test::mapped& of, std::size_t first, std::size_t count, page_state state) {
    return {address_range::of_size(of.page(first), count * page), state};
}

boost::test_tools::assertion_result has_guards(boost::unit_test::test_unit_id) {
    const test::mapped some(1);
    return test::unless_missing(test::install_guards(some.data(), page) &&
                                    !scan_pages(process::self(), some.range(), page_state::guard).empty(),
                                "guard pages that can be seen (Linux 6.15)");
}

/// Writes all of it, and makes huge pages of those that can be.
bool in_huge_pages(const test::mapped& some) {
    constexpr int collapse = 25;  // MADV_COLLAPSE: the headers of the C library may be older than the kernel
    for (std::size_t i = 0; i < some.size() / page; ++i) some.write(i);
    ::madvise(some.data(), some.size(), MADV_HUGEPAGE);
    for (int i = 0; i < 100; ++i) {  // a page that somebody else holds, or no room at once
        if (::madvise(some.data(), some.size(), collapse) == 0) return true;
        if (errno == EINVAL) return false;
        ::sched_yield();
    }
    return false;
}

boost::test_tools::assertion_result has_huge_pages(boost::unit_test::test_unit_id) {
    return test::unless_missing(in_huge_pages(test::mapped(4096)), "MADV_COLLAPSE (Linux 6.1)");
}

}  // namespace

BOOST_AUTO_TEST_CASE(flags_that_a_scan_cannot_report_are_told) {
    const page_map map(process::self());
    const test::mapped some(1);
    some.read(0);
    if (test::has_zero_page())
        BOOST_TEST(has(map.unreported(), page_state::zero_page) == (picture(::getpid(), some) == "P"));
    const auto missing = page_state::zero_page | page_state::huge;
    BOOST_TEST((map.unreported() == page_state::none || map.unreported() == missing));
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid_ioctl(vmio::detail::pagemap::request, ENOTTY);
                   return map.unreported() == missing ? 0 : 1;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(untouched_read_and_written_pages_differ) {
    const test::mapped some(8);
    some.write(1);
    some.write(2);
    some.read(4);
    const std::string expected = test::tells_zero_page() ? ".PP.Z..." : ".PP.P...";
    test::on_self_and_child([&](pid_t id) { BOOST_TEST(picture(id, some) == expected); });
    // What a page holds does not matter, nor that it cannot be read any more.
    some.write(1, 0);
    ::mprotect(some.data(2), page, PROT_NONE);
    some.write(4);
    ::madvise(some.data(1), page, MADV_DONTNEED);
    test::on_self_and_child([&](pid_t id) { BOOST_TEST(picture(id, some) == "..P.P..."); });
}

BOOST_AUTO_TEST_CASE(a_written_page_of_a_private_file_mapping_is_no_longer_the_files) {
    const test::unnamed_file file(8);
    const test::mapped some(8, MAP_PRIVATE, file.get());
    ::madvise(some.data(), some.size(), MADV_RANDOM);  // no pages but those asked for
    some.write(1);
    some.read(3);
    some.write(3);
    some.write(6, 'g');  // what it held before
    test::on_self_and_child([&](pid_t id) {
        BOOST_TEST(scan_pages(process(id), some.range(), page_state::changed) ==
                       (std::vector{run(some, 1, 1, page_state::changed), run(some, 3, 1, page_state::changed),
                                    run(some, 6, 1, page_state::changed)}),
                   boost::test_tools::per_element());
    });
    for (std::size_t i = 0; i < 8; ++i) some.read(i);
    BOOST_TEST(picture(::getpid(), some) == "FPFPFFPF");
    ::madvise(some.data(1), page, MADV_DONTNEED);
    some.read(1);
    BOOST_TEST(picture(::getpid(), some) == "FFFPFFPF");
}

BOOST_AUTO_TEST_CASE(shared_memory_is_of_a_file_and_never_changed) {
    const test::mapped some(4, MAP_SHARED | MAP_ANONYMOUS);
    some.write(1);
    some.read(2);
    BOOST_TEST(picture(::getpid(), some) == ".FF.");
    // Page tables are not inherited: what has data here is absent there until it is touched, and no zeros for that.
    test::child_process child([&] {
        some.write(1);
        some.write(3);
    });
    BOOST_TEST(picture(child.id(), some) == ".F.F");
    BOOST_TEST(picture(::getpid(), some) == ".FF.");
    BOOST_TEST(scan_pages(process::self(), some.range(), page_state::changed).empty());
}

BOOST_AUTO_TEST_CASE(device_memory_is_absent) {
    test::on_self_and_child([](pid_t id) {
        const address_range vvar = test::mapping_named(id, "[vvar]");
        const auto runs = scan_pages(process(id), vvar);
        BOOST_TEST(picture(runs) == std::string(vvar.size() / page, '.'));
    });
}

BOOST_AUTO_TEST_CASE(guard_pages_hold_no_data_and_are_not_swapped, *boost::unit_test::precondition(has_guards)) {
    const test::mapped some(6);
    for (std::size_t i = 0; i < 4; ++i) some.write(i);
    BOOST_REQUIRE(test::install_guards(some.data(2), page));
    BOOST_REQUIRE(test::install_guards(some.data(5), page));
    const test::unnamed_file file(4);
    const test::mapped of_file(4, MAP_PRIVATE, file.get());
    ::madvise(of_file.data(), of_file.size(), MADV_RANDOM);
    BOOST_REQUIRE(test::install_guards(of_file.data(1), page));
    of_file.write(2);
    test::on_self_and_child([&](pid_t id) {
        BOOST_TEST(picture(id, some) == "PPGP.G");
        BOOST_TEST(scan_pages(process(id), some.range(), page_state::swapped).empty());
        BOOST_TEST(scan_pages(process(id), some.range(), page_state::guard) ==
                       (std::vector{run(some, 2, 1, page_state::guard), run(some, 5, 1, page_state::guard)}),
                   boost::test_tools::per_element());
        BOOST_TEST(scan_pages(process(id), of_file.range(), page_state::changed | page_state::guard) ==
                       (std::vector{run(of_file, 1, 1, page_state::guard), run(of_file, 2, 1, page_state::changed)}),
                   boost::test_tools::per_element());
    });
}

BOOST_AUTO_TEST_CASE(swapped_pages_hold_data_and_stay_swapped_when_looked_at,
                     *boost::unit_test::precondition(test::can_swap)) {
    const test::swap_area area;
    const test::unnamed_file file(4);
    const test::mapped some(6);
    const test::mapped of_file(4, MAP_PRIVATE, file.get());
    test::child_process child([&] {
        for (std::size_t i = 0; i < 5; ++i) some.write(i);
        test::page_out(some.data(1), 2 * page);
        ::madvise(of_file.data(), of_file.size(), MADV_RANDOM);
        of_file.write(2);
        test::page_out(of_file.data(2), page);
    });
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(picture(child.id(), some) == "PSSPP.");
        BOOST_TEST(picture(child.id(), of_file) == "..S.");
    }
    // One run, however it is kept.
    BOOST_TEST(scan_pages(process(child.id()), some.range(), page_state::data) ==
                   (std::vector{run(some, 0, 5, page_state::data)}),
               boost::test_tools::per_element());
    child.end();  // before its swap area goes
}

BOOST_AUTO_TEST_CASE(huge_pages_are_recognised, *boost::unit_test::precondition(test::has_pagemap_scan) *
                                                    boost::unit_test::precondition(has_huge_pages)) {
    const test::mapped some(4096);
    BOOST_REQUIRE(in_huge_pages(some));
    test::on_self_and_child([&](pid_t id) {
        const std::string all = picture(id, some);
        BOOST_TEST(all.find_first_not_of("pP") == std::string::npos);
        BOOST_TEST(all.find('p') != std::string::npos);
        // Its parts, from the middle of a huge page on; and together, if they need not be told apart.
        const auto part = some.range().part(1500 * page, 1000 * page);
        BOOST_TEST(picture(scan_pages(process(id), part)) == all.substr(1500, 1000));
        BOOST_TEST(scan_pages(process(id), part, page_state::data | page_state::changed) ==
                       (std::vector{page_run{part, page_state::data | page_state::changed}}),
                   boost::test_tools::per_element());
    });
}

BOOST_AUTO_TEST_CASE(only_flags_asked_for_are_shown_and_only_pages_that_have_one) {
    const test::mapped some(6);
    some.write(1);
    some.read(2);
    some.write(3);
    const auto seen = [&](page_state wanted) { return scan_pages(process::self(), some.range(), wanted); };
    using enum page_state;
    std::vector<std::pair<page_state, std::vector<page_run>>> table{
        {none, {}},
        {file | huge | swapped, {}},
        {present, {run(some, 1, 3, present)}},
        {absent, {run(some, 0, 1, absent), run(some, 4, 2, absent)}},
    };
    if (test::tells_zero_page())
        table.insert(
            table.end(),
            {{zero_page, {run(some, 2, 1, zero_page)}},
             {changed, {run(some, 1, 1, changed), run(some, 3, 1, changed)}},
             {present | changed,
              {run(some, 1, 1, present | changed), run(some, 2, 1, present), run(some, 3, 1, present | changed)}},
             {absent | zero_page, {run(some, 0, 1, absent), run(some, 2, 1, zero_page), run(some, 4, 2, absent)}}});
    else
        table.insert(table.end(), {{zero_page, {}},
                                   {changed, {run(some, 1, 3, changed)}},
                                   {present | changed, {run(some, 1, 3, present | changed)}},
                                   {absent | zero_page, {run(some, 0, 1, absent), run(some, 4, 2, absent)}}});
    for (const auto& [wanted, expected] : table) BOOST_TEST(seen(wanted) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(pages_that_are_in_the_range_in_part_count_in_whole) {
    const test::mapped some(4);
    some.write(1);
    some.write(2);
    const page_map map(process::self());
    const auto data = [&](vmio::address start, vmio::address end) { return map.scan({start, end}, page_state::data); };
    BOOST_TEST(data(some.page(1) + 5, some.page(2) + 1) == (std::vector{run(some, 1, 2, page_state::data)}),
               boost::test_tools::per_element());
    BOOST_TEST(data(some.page(1) + 5, some.page(1) + 6) == (std::vector{run(some, 1, 1, page_state::data)}),
               boost::test_tools::per_element());
    BOOST_TEST(data(some.page(1) - 1, some.page(1)).empty());
    BOOST_TEST(data(some.page(1) + 5, some.page(1) + 5).empty());
    BOOST_TEST(picture(map.scan({some.page(0) + 1, some.page(1) + 1})) == ".P");
}

BOOST_AUTO_TEST_CASE(a_scan_goes_on_where_the_kernel_stopped) {
    // More runs than a call gives, and then more pages.
    const test::mapped some(60000);
    for (std::size_t i = 0; i < 20000; i += 2) some.write(i);
    for (std::size_t i = 20000; i < 60000; ++i) some.write(i);
    std::vector<page_run> expected;
    for (std::size_t i = 0; i < 20000; i += 2) expected.push_back(run(some, i, 1, page_state::data));
    expected.push_back(run(some, 20000, 40000, page_state::data));
    const auto found = scan_pages(process::self(), some.range(), page_state::data);
    BOOST_TEST((found == expected));
    const auto gaps = scan_pages(process::self(), some.range(), page_state::absent);
    BOOST_TEST(gaps.size() == 10000u);
    BOOST_TEST(gaps.back() == run(some, 19999, 1, page_state::absent));
}

BOOST_AUTO_TEST_CASE(a_sparse_reserve_is_scanned_without_leaving_a_trace) {
    const test::mapped reserve(8 * gibibyte / page);
    test::child_process child([&] {
        for (std::size_t at = gibibyte; at < 8 * gibibyte; at += gibibyte) reserve.write(at / page);
    });
    const auto page_tables = [&] {
        std::ifstream status("/proc/" + std::to_string(child.id()) + "/status");
        for (std::string line; std::getline(status, line);)
            if (line.starts_with("VmPTE:")) return line;
        return std::string();
    };
    const std::string before = page_tables();
    const auto found = scan_pages(process(child.id()), reserve.range(), page_state::data);
    BOOST_TEST(found.size() == 7u);
    for (std::size_t i = 0; i < found.size(); ++i)
        BOOST_TEST(found[i] == run(reserve, (i + 1) * gibibyte / page, 1, page_state::data));
    BOOST_TEST(page_tables() == before);
    BOOST_TEST(before.starts_with("VmPTE:"));
}

BOOST_AUTO_TEST_CASE(the_whole_address_space_is_a_range_like_any_other) {
    const test::mapped some(3);
    some.write(1);
    test::on_self_and_child([&](pid_t id) {
        const auto runs = scan_pages(process(id), {0, ~vmio::address{0}});
        BOOST_TEST(in_order(runs));
        BOOST_TEST(runs.front().range.start() == 0u);
        BOOST_TEST(runs.back().range.end() == ~vmio::address{0} - page + 1);
        for (std::size_t i = 1; i < runs.size(); ++i) BOOST_TEST(runs[i].range.start() == runs[i - 1].range.end());
        std::size_t found = 0;
        for (const page_run& r : runs)
            if (r.range.overlaps(some.range())) found += has(r.state, page_state::data) ? 1 : 0;
        BOOST_TEST(found == 1u);
    });
    // What lies above the addresses of users is not the process's.
    const page_map map(process::self());
    for (const address_range above : {address_range{std::uint64_t{1} << 63, ~vmio::address{0}},
                                      address_range{~vmio::address{0} - 5 * page, ~vmio::address{0}}}) {
        const auto runs = map.scan(above);
        BOOST_REQUIRE(runs.size() == 1u);
        BOOST_TEST((runs[0].state == page_state::absent));
    }
    BOOST_TEST(map.scan({~vmio::address{0} - 1, ~vmio::address{0}}).empty());  // in the last page, which has no end
}

BOOST_AUTO_TEST_CASE(a_callback_receives_runs_without_allocating) {
    const test::mapped some(2000);
    for (std::size_t i = 0; i < 2000; i += 2) some.write(i);
    const page_map map(process::self());
    std::size_t count = 0;
    const std::size_t allocations =
        test::allocations_of([&] { map.scan(some.range(), page_state::data, [&](const page_run&) { ++count; }); });
    BOOST_TEST(allocations == 0u);
    BOOST_TEST(count == 1000u);
    // Whoever has seen enough says so.
    count = 0;
    map.scan(some.range(), page_state::data, [&](const page_run&) { return ++count < 7; });
    BOOST_TEST(count == 7u);
    count = 0;
    map.scan(some.range(), page_state::all, [&](const page_run&) { return ++count < 1; });
    BOOST_TEST(count == 1u);
    const auto fail = [](const page_run&) -> bool { throw std::string("mine"); };
    BOOST_CHECK_THROW(map.scan(some.range(), page_state::data, fail), std::string);
}

namespace {

std::size_t runs_seen = 0;
void count_run(const page_run&) {
    ++runs_seen;
}
bool count_run_and_stop(const page_run&) {
    ++runs_seen;
    return false;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_plain_function_receives_runs) {
    const test::mapped some(8);
    for (const std::size_t i : {1, 3, 5}) some.write(i);
    const page_map map(process::self());
    map.scan(some.range(), page_state::changed, count_run);
    BOOST_TEST(runs_seen == 3u);
    map.scan(some.range(), page_state::changed, &count_run_and_stop);
    BOOST_TEST(runs_seen == 4u);
    bool (*const stop)(const page_run&) = count_run_and_stop;
    map.scan(some.range(), page_state::changed, stop);
    BOOST_TEST(runs_seen == 5u);
}

BOOST_AUTO_TEST_CASE(a_target_that_has_ended_is_an_error_and_not_absent) {
    const test::mapped some(4);
    some.write(1);
    test::child_process child;
    const process target(child.id());
    const page_map map(target);
    BOOST_TEST(picture(map.scan(some.range())) == ".P..");
    child.kill();  // a zombie
    BOOST_TEST(error_of([&] { map.scan(some.range()); }) == ESRCH);
    BOOST_CHECK_THROW(scan_pages(target, some.range()), vmio::memory_error);
    child.end();
    BOOST_TEST(error_of([&] { map.scan(some.range()); }) == ESRCH);
    BOOST_TEST(error_of([&] { map.scan({0, ~vmio::address{0}}); }) == ESRCH);
    std::error_code ec;
    const page_map late(target, ec);
    BOOST_TEST(ec.value() == ESRCH);
    BOOST_TEST(error_of([&] { late.scan(some.range()); }) == EBADF);
}

BOOST_AUTO_TEST_CASE(a_target_that_has_called_exec_is_an_error) {
    const test::mapped some(4);
    some.write(1);
    test::replaced_process target;
    const process handle(target.id());
    const page_map map(handle);
    BOOST_TEST(picture(map.scan(some.range())) == ".P..");
    target.exec();
    BOOST_TEST(error_of([&] { map.scan(some.range()); }) == ESTALE);
    std::error_code ec;
    const page_map late(handle, ec);  // of the program that `target` was
    BOOST_TEST(ec.value() == ESTALE);
    BOOST_TEST(error_of([&] { page_map(process(target.id())).scan(some.range()); }) == 0);
}

BOOST_AUTO_TEST_CASE(a_target_that_ends_in_mid_scan_is_an_error) {
    const test::mapped some(40000);
    for (std::size_t i = 0; i < 40000; i += 2) some.write(i);
    test::child_process child;
    const page_map map(process(child.id()));
    BOOST_CHECK_THROW(map.scan(some.range(), page_state::data,
                               [&, first = true](const page_run&) mutable {
                                   if (first) child.kill();
                                   first = false;
                               }),
                      vmio::memory_error);
}

BOOST_AUTO_TEST_CASE(an_unprivileged_user_sees_own_processes_and_no_others,
                     *boost::unit_test::precondition(test::as_root)) {
    const test::mapped some(5);
    some.write(1);
    some.read(3);
    test::child_process ours;
    const std::string expected = test::tells_zero_page() ? ".P.Z." : ".P.P.";
    BOOST_TEST(test::as_nobody([&] {
                   ::prctl(PR_SET_DUMPABLE, 1);
                   test::child_process his;
                   if (picture(his.id(), some) != expected || picture(::getpid(), some) != expected) return 1;
                   std::error_code ec;
                   const page_map map(process(ours.id()), ec);
                   if (ec != vmio::errc::permission_denied) return 2;
                   try {
                       scan_pages(process(ours.id()), some.range());
                   } catch (const vmio::memory_error& e) {
                       return e.code() == vmio::errc::permission_denied ? 0 : 3;
                   }
                   return 4;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(runs_stay_in_order_while_the_target_maps_and_unmaps) {
    const test::mapped some(2048);
    test::child_process child([&] {
        std::thread([&] {
            for (std::size_t i = 0;; i = (i * 7 + 5) % 2048) {
                some.write(i);
                if (i % 3 == 0) ::madvise(some.data(i), page, MADV_DONTNEED);
                ::munmap(::mmap(nullptr, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), page);
            }
        }).detach();
    });
    const page_map map(process(child.id()));
    for (int i = 0; i < 200; ++i) BOOST_TEST(in_order(map.scan({0, ~vmio::address{0}}, page_state::data)));
}
