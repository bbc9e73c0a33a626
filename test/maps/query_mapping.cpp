// SPDX-License-Identifier: BSL-1.0
#include <vmio/query_mapping.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/process_memory.hpp>

#include "faults/seccomp.hpp"
#include "proc/procmap_query.hpp"
#include "processes/child.hpp"
#include "processes/replaced_process.hpp"
#include "support/mapped.hpp"
#include "support/maps.hpp"
#include "support/odd_mappings.hpp"
#include "support/pages.hpp"
#include "support/skip.hpp"
#include "support/usage.hpp"

using vmio::address;
using vmio::mapping;
using vmio::mapping_filter;
using vmio::mapping_lookup;
using vmio::process;
using vmio::query_mapping;

namespace {

const std::size_t page = vmio::page_size();

boost::test_tools::assertion_result has_ioctl(boost::unit_test::test_unit_id) {
    return test::unless_missing(vmio::has_fast_mapping_query(), "PROCMAP_QUERY (Linux 6.11)");
}

void some_function() {}

int error_of(const process& target, address where = 0) {
    std::error_code ec;
    const auto found = query_mapping(target, where, mapping_lookup::next_after, {}, ec);
    if (ec) {
        BOOST_TEST(!found.has_value());
        BOOST_CHECK_EXCEPTION(query_mapping(target, where, mapping_lookup::next_after), vmio::memory_error,
                              [&](const vmio::memory_error& e) {
                                  return e.code() == ec && e.process_id() == target.id() && e.where() == where;
                              });
    }
    return ec.value();
}

std::vector<mapping_filter> all_filters() {
    std::vector<mapping_filter> all;
    for (unsigned bits = 0; bits < 32; ++bits)
        all.push_back({(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, (bits & 16) != 0});
    return all;
}

/// Every question that can be put about some places.
std::vector<std::optional<mapping>> all_answers(const process& target, const std::vector<address>& places) {
    std::vector<std::optional<mapping>> answers;
    for (const address where : places)
        for (const mapping_filter& filter : all_filters())
            for (const mapping_lookup lookup : {mapping_lookup::exact, mapping_lookup::next_after})
                answers.push_back(query_mapping(target, where, lookup, filter));
    return answers;
}

boost::test_tools::assertion_result has_the_query(boost::unit_test::test_unit_id) {
    return test::unless_missing(vmio::has_fast_mapping_query(), "PROCMAP_QUERY (Linux 6.11)");
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_unmapped_address_has_no_mapping_and_no_error) {
    const test::pages some(3);
    test::child_process child([&] { ::munmap(some.data() + page, page); });
    const process target(child.id());
    BOOST_TEST(!query_mapping(target, some.page(1)).has_value());
    BOOST_TEST(!query_mapping(target, some.page(2) - 1).has_value());
    BOOST_TEST(!query_mapping(target, 0).has_value());
    BOOST_TEST(!query_mapping(target, ~address{0}, mapping_lookup::next_after).has_value());
    for (const address kernel : {address{1} << 63, address{0xffff888000000000}, address{0xffffffffff600000}})
        for (const mapping_lookup lookup : {mapping_lookup::exact, mapping_lookup::next_after})
            BOOST_TEST(!query_mapping(target, kernel, lookup).has_value());
    const auto next = query_mapping(target, some.page(1), mapping_lookup::next_after);
    BOOST_REQUIRE(next.has_value());
    BOOST_TEST(next->range.start() == some.page(2));
}

BOOST_AUTO_TEST_CASE(a_function_lies_in_its_executable) {
    test::on_self_and_child([](pid_t id) {
        const auto where = reinterpret_cast<std::uintptr_t>(&some_function);
        const auto m = query_mapping(process(id), where);
        BOOST_REQUIRE(m.has_value());
        BOOST_TEST(m->range.contains(where));
        BOOST_TEST(to_string(m->perms) == "r-xp");
        BOOST_TEST(m->name == std::filesystem::read_symlink("/proc/self/exe").string());
        BOOST_TEST((!m->deleted && m->file_backed()));
    });
}

BOOST_AUTO_TEST_CASE(a_mapping_that_cannot_be_read_is_found) {
    test::pages some(5);
    some.protect(1, PROT_EXEC);
    some.protect(3, PROT_NONE);
    test::on_self_and_child([&](pid_t id) {
        const process target(id);
        BOOST_TEST(to_string(query_mapping(target, some.page(1)).value().perms) == "--xp");
        BOOST_TEST(to_string(query_mapping(target, some.page(3)).value().perms) == "---p");
    });
}

BOOST_AUTO_TEST_CASE(a_filter_skips_mappings_without_its_properties) {
    test::pages some(5);
    some.protect(1, PROT_EXEC);
    some.protect(2, PROT_READ);
    some.protect(3, PROT_WRITE);
    const process target = process::self();
    const auto start_of = [&](mapping_filter filter) {
        return query_mapping(target, some.page(1), mapping_lookup::next_after, filter).value().range.start();
    };
    BOOST_TEST(start_of({}) == some.page(1));
    BOOST_TEST(start_of({.readable = true}) == some.page(2));
    BOOST_TEST(start_of({.writable = true}) == some.page(3));
    BOOST_TEST(start_of({.executable = true}) == some.page(1));
    BOOST_TEST(!query_mapping(target, some.page(1), mapping_lookup::exact, {.readable = true}).has_value());
    BOOST_TEST(query_mapping(target, some.page(1), mapping_lookup::exact, {.executable = true}).has_value());
    BOOST_TEST(!query_mapping(target, some.page(1), mapping_lookup::exact, {.shared = true}).has_value());
    BOOST_TEST(!query_mapping(target, some.page(1), mapping_lookup::exact, {.file_backed = true}).has_value());
}

BOOST_AUTO_TEST_CASE(every_name_is_kept_byte_for_byte) {
    const test::odd_mappings odd;
    test::on_self_and_child([&](pid_t id) {
        const process target(id);
        for (const auto& expected : odd.all()) {
            const auto m = query_mapping(target, expected.at);
            BOOST_REQUIRE(m.has_value());
            BOOST_TEST(m->name == expected.name);
            BOOST_TEST(m->deleted == expected.deleted, expected.name);
        }
    });
}

BOOST_AUTO_TEST_CASE(answers_are_the_same_without_the_ioctl, *boost::unit_test::precondition(has_ioctl)) {
    const test::odd_mappings odd;
    const test::child_process target;
    const process handle(target.id());
    for (const int error : {ENOTTY, ENOSYS, EPERM, EACCES})
        BOOST_TEST(test::in_a_process([&] {
                       const std::vector<mapping> before = test::mappings_one_by_one(handle);
                       std::vector<address> places{0, ~address{0}, 0xffffffffff600000};
                       for (std::size_t i = 0; i < before.size(); i += 8) places.push_back(before[i].range.start());
                       const auto answers = all_answers(handle, places);
                       test::forbid({SYS_ioctl}, error);
                       if (test::mappings_one_by_one(handle) != before) return 1;
                       if (test::mappings_by_text(handle) != before) return 2;
                       if (all_answers(handle, places) != answers) return 3;
                       // Transfers ask as well, and have no room for a name of any length.
                       const vmio::process_memory memory(handle, {.method = vmio::transfer_method::proc_mem});
                       for (const auto& far : odd.all())
                           if (far.name.size() > 8192 && memory.read_value<char>(far.at) != 0) return 4;
                       return before.size() > odd.all().size() ? 0 : 5;
                   }) == 0);
}

BOOST_AUTO_TEST_CASE(names_are_complete_without_the_ioctl_and_without_privileges,
                     *boost::unit_test::precondition(test::as_root)) {
    BOOST_TEST(test::as_nobody([] {
                   const test::odd_mappings odd;
                   test::forbid({SYS_ioctl}, ENOTTY);
                   const vmio::memory_map map = vmio::memory_map::load(process::self());
                   for (const auto& expected : odd.all()) {
                       const mapping* const m = map.find(expected.at);
                       if (m != nullptr && m->name == expected.name && m->deleted == expected.deleted) continue;
                       std::fprintf(stderr, "not '%s'\n", expected.name.c_str());
                       return 1;
                   }
                   return 0;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(the_kernels_support_is_probed_and_a_refusal_is_noticed) {
    for (const int error : {ENOTTY, ENOSYS, EPERM, EACCES})
        BOOST_TEST(test::in_a_process([error] {
                       test::forbid({SYS_ioctl}, error);
                       return vmio::has_fast_mapping_query() ? 1 : 0;
                   }) == 0);
}

BOOST_AUTO_TEST_CASE(a_filter_of_one_thread_does_not_slow_down_the_others,
                     *boost::unit_test::precondition(has_the_query)) {
    BOOST_TEST(test::in_a_process([] {
                   const process self = process::self();
                   const address here = vmio::address_of(&self);
                   bool slow = false;
                   bool found = false;
                   std::thread([&] {
                       test::forbid_ioctl(vmio::detail::procmap::request, ENOTTY);
                       found = query_mapping(self, here).has_value();
                       slow = !vmio::has_fast_mapping_query();
                   }).join();
                   if (!found || !slow) return 1;
                   return vmio::has_fast_mapping_query() && query_mapping(self, here) ? 0 : 2;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(ascending_queries_read_the_text_a_few_times) {
    constexpr std::size_t count = 2000;
    const test::mapped many(count);
    for (std::size_t i = 0; i < count; i += 2) test::must(::mprotect(many.data(i), page, PROT_READ) == 0, "mprotect");
    const test::child_process child;
    const process target(child.id());
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid_ioctl(vmio::detail::procmap::request, ENOTTY);
                   const std::uint64_t start = test::bytes_read();
                   vmio::memory_map::load(target);
                   const std::uint64_t before = test::bytes_read();
                   const std::uint64_t few_lists = 32 * (before - start);
                   for (std::size_t i = 0; i < count; ++i) {
                       const auto m = query_mapping(target, many.page(i));
                       if (!m || !m->range.contains(many.page(i)) || m->perms.write != (i % 2 == 1)) return 1;
                   }
                   return test::bytes_read() - before < few_lists ? 0 : 2;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(each_query_without_the_ioctl_sees_the_present_mappings) {
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid_ioctl(vmio::detail::procmap::request, ENOTTY);
                   const test::mapped m(40);
                   const auto protect = [&](std::size_t at, int protection) {
                       test::must(::mprotect(m.data(at), page, protection) == 0, "mprotect");
                   };
                   for (std::size_t i = 0; i < 40; i += 2) protect(i, PROT_READ);
                   const process self = process::self();
                   const auto found = [&](std::size_t at) { return query_mapping(self, m.page(at)); };
                   for (int round = 0; round < 2; ++round) {  // and from the start again
                       if (!found(2) || !found(3) || !found(4)) return 1;
                       protect(5, PROT_NONE);
                       if (found(5)->perms.read) return 2;
                       protect(5, PROT_READ | PROT_WRITE);
                       if (!found(5)->perms.write) return 3;  // the same place again
                       // In a gap there is a mapping by now, below the one that came next.
                       ::munmap(m.data(9), page);
                       if (!found(7) || !found(8) || found(9)) return 4;
                       if (query_mapping(self, m.page(9), mapping_lookup::next_after)->range.start() != m.page(10))
                           return 5;
                       if (!found(8)) return 6;
                       const auto made = ::mmap(m.data(9), page, PROT_READ | PROT_WRITE,
                                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
                       test::must(made != MAP_FAILED, "mmap");
                       if (!found(9)) return 7;
                   }
                   return 0;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_process_that_has_ended_is_an_error_and_not_unmapped) {
    for (const bool by_text : {false, true}) {
        test::child_process child;
        const process target(child.id());
        const auto error = [&] {
            return test::in_a_process([&] {
                if (by_text) test::forbid({SYS_ioctl}, ENOTTY);
                return error_of(target);
            });
        };
        BOOST_TEST(error() == 0);
        child.kill();
        BOOST_TEST(error() == ESRCH);
        child.end();
        BOOST_TEST(error() == ESRCH);
    }
    std::error_code ec;
    BOOST_TEST(error_of(process(0, ec)) == ESRCH);
}

BOOST_AUTO_TEST_CASE(a_process_that_may_not_be_inspected_is_an_error, *boost::unit_test::precondition(test::as_root)) {
    BOOST_TEST(test::as_nobody([] { return error_of(process(1), 0x1000); }) == EACCES);
}

BOOST_AUTO_TEST_CASE(the_new_program_is_asked_after_exec) {
    const test::pages some(1);
    test::replaced_process target;
    const process handle(target.id());
    BOOST_TEST(query_mapping(handle, some.start()).has_value());
    target.exec();
    const auto there = query_mapping(handle, some.start());  // where addresses are not random there may be something
    BOOST_TEST((!there || there->range != some.range()));
    std::optional<mapping> stack;
    do stack = query_mapping(handle, 0, mapping_lookup::next_after, {.writable = true});
    while (!stack);
    BOOST_TEST(!handle.same_program());
}

BOOST_AUTO_TEST_CASE(the_search_ends_where_the_list_ends) {
    const process target = process::self();
    const std::vector<mapping> all = test::mappings_one_by_one(target);
    BOOST_TEST(!query_mapping(target, all.back().range.end(), mapping_lookup::next_after).has_value());
    BOOST_TEST(query_mapping(target, all.back().range.end() - 1, mapping_lookup::next_after).value() == all.back());
}
