// SPDX-License-Identifier: BSL-1.0
/// What is mapped, asked again and again where there is only the text.
#include "proc/vma_lookup.hpp"

#include <cerrno>
#include <functional>
#include <vector>

#include <sys/mman.h>

#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/memory_map.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/region_reader.hpp>

#include "faults/seccomp.hpp"
#include "proc/procmap_query.hpp"
#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/usage.hpp"

using test::bytes_read;
using test::mapped;
using vmio::address;
using vmio::process;
using vmio::detail::vma_info;
using vmio::detail::vma_lookup;

namespace {

const std::size_t page = vmio::page_size();

/// `body` with queries, and without them; 0 if all was well.
int without_queries(const std::function<void()>& body) {
    body();
    return test::in_a_process([&] {
        test::forbid_ioctl(vmio::detail::procmap::request, ENOTTY);
        body();
        const auto id = boost::unit_test::framework::current_test_case().p_id;
        return boost::unit_test::results_collector.results(id).p_assertions_failed > 0 ? 1 : 0;
    });
}

void protect(mapped& m, std::size_t at, int protection) {
    test::must(::mprotect(m.data(at), page, protection) == 0, "mprotect");
}

/// Every other page may not be written, so each is a mapping.
void split(mapped& m) {
    for (std::size_t i = 0; i < m.size() / page; i += 2) protect(m, i, PROT_READ);
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_lookup_of_a_cursor_sees_the_present_mappings) {
    BOOST_TEST(without_queries([] {
                   mapped m(40);
                   split(m);
                   const process self = process::self();
                   vma_lookup cursor(self.maps(), self.proc_directory());
                   vma_info found;
                   const auto look = [&](std::size_t i) {
                       BOOST_TEST(!cursor.at_or_above(m.page(i), found));
                       return found;
                   };
                   for (int time = 0; time < 2; ++time) {  // and from the start again
                       for (const std::size_t i : {2, 4, 6}) {
                           BOOST_TEST(look(i).range.start() == m.page(i));
                           BOOST_TEST(!found.perms.write);
                           // What a reader of more than a line would know already:
                           protect(m, i + 2, PROT_NONE);
                           BOOST_TEST(!look(i + 2).perms.read);
                           protect(m, i + 2, PROT_READ);
                       }
                       // The kernel has generated the next line already when the last byte of a line was read.
                       for (const std::size_t i : {7, 8, 9, 10, 11}) {
                           const bool writable = look(i).perms.write;
                           protect(m, i + 1, PROT_NONE);
                           BOOST_TEST(!look(i + 1).perms.read);
                           protect(m, i + 1, writable ? PROT_READ : PROT_READ | PROT_WRITE);
                           BOOST_TEST(look(i + 1).perms.read);
                       }
                       // The text before it becomes shorter, then longer.
                       for (const int protection : {PROT_READ, PROT_READ | PROT_WRITE}) {
                           look(20);
                           look(20);  // the second one finds its place anew
                           for (const std::size_t i : {1, 3, 5, 7}) protect(m, i, protection);
                           BOOST_TEST(look(22).range.start() == m.page(22));
                           BOOST_TEST(look(23).range.start() == m.page(23));
                       }
                       look(30);
                       ::munmap(m.data(32), 2 * page);
                       BOOST_TEST(look(32).range.start() == m.page(34));
                       BOOST_TEST(look(39).range.contains(m.page(39)));
                   }
                   BOOST_TEST(cursor.at_or_above(~address{0} - page, found).value() == ENOENT);
                   BOOST_TEST(look(2).range.start() == m.page(2));
               }) == 0);
}

BOOST_AUTO_TEST_CASE(several_lookups_read_the_text_once) {
    BOOST_TEST(without_queries([] {
                   mapped m(2000);
                   split(m);
                   const process self = process::self();
                   const std::uint64_t start = bytes_read();
                   vmio::memory_map::load(self);
                   const std::uint64_t before = bytes_read();
                   const std::uint64_t few_lists = 32 * (before - start);  // of 2,000 lines and more
                   vma_lookup all(self.maps());
                   for (std::size_t i = 1; i + 1 < m.size() / page; ++i) {
                       vma_info found;
                       BOOST_TEST(!all.at_or_above(m.page(i), found));
                       BOOST_TEST(found.range.start() == m.page(i));
                       BOOST_TEST(found.perms.write == (i % 2 == 1));
                   }
                   BOOST_TEST(bytes_read() - before < few_lists);
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_walk_through_many_mappings_reads_the_text_a_few_times) {
    mapped m(2000);
    split(m);
    for (std::size_t i = 1; i < 2000; i += 4) *m.data(i) = 'x';
    const test::child_process child;
    const process target(child.id());
    const std::uint64_t start = bytes_read();
    vmio::memory_map::load(target);
    const std::uint64_t few_lists = 32 * (bytes_read() - start);  // of 2,000 lines and more
    BOOST_TEST(without_queries([&] {
                   const std::uint64_t before = bytes_read();
                   vmio::region_options options;
                   options.within = m.range();
                   vmio::region_reader reader(target, options);
                   std::size_t regions = 0;
                   for (; reader.next(); ++regions) BOOST_TEST((reader.fetch()[0] == std::byte(*m.data(regions))));
                   BOOST_TEST(regions == 2000u);
                   BOOST_TEST(bytes_read() - before < few_lists);
               }) == 0);
    BOOST_TEST(without_queries([&] {
                   const vmio::process_memory memory(target, {.method = vmio::transfer_method::proc_mem});
                   std::vector<std::byte> bytes(m.size());
                   const std::uint64_t before = bytes_read();
                   memory.read(m.start(), bytes);
                   BOOST_TEST(bytes_read() - before < m.size() + few_lists);
               }) == 0);
}

BOOST_AUTO_TEST_CASE(the_kernels_half_has_no_mapping_in_the_text_either) {
    BOOST_TEST(without_queries([] {
                   constexpr address vsyscall = 0xffffffffff600000;  // listed by most kernels of x86-64
                   const process self = process::self();
                   vma_info found;
                   for (const address where : {vsyscall, vsyscall - page, address{1} << 63}) {
                       vma_lookup pass(self.maps());
                       BOOST_TEST(pass.at_or_above(where, found).value() == ENOENT);
                       vma_lookup cursor(self.maps(), self.proc_directory());
                       BOOST_TEST(cursor.at_or_above(where, found).value() == ENOENT);
                       std::byte value{};
                       std::error_code ec;
                       const vmio::process_memory memory(self, {.method = vmio::transfer_method::proc_mem});
                       BOOST_TEST(memory.read_some(where, {&value, 1}, ec) == 0u);
                       BOOST_TEST(ec.value() == EFAULT);
                       BOOST_TEST(memory.write_some(where, {&value, 1}, ec) == 0u);
                       BOOST_TEST(ec.value() == EFAULT);
                   }
               }) == 0);
}
