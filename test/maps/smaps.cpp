// SPDX-License-Identifier: BSL-1.0
#include <vmio/smaps.hpp>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>

#include "processes/child.hpp"
#include "processes/replaced_process.hpp"
#include "processes/stopped.hpp"
#include "support/error_of.hpp"
#include "support/mapped.hpp"
#include "support/maps.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"
#include "support/swap.hpp"

using vmio::process;
using vmio::read_smaps;
using vmio::smaps_entry;
using vmio::vm_flags;

namespace {

const std::size_t page = vmio::page_size();

smaps_entry entry(const test::mapped& some, pid_t id = ::getpid()) {
    const auto found = read_smaps(process(id), some.range());
    BOOST_REQUIRE(found.size() == 1u);
    BOOST_TEST((found[0].range == some.range()));
    return found[0];
}

std::map<std::string, std::uint64_t> rollup(pid_t id) {
    std::ifstream in("/proc/" + std::to_string(id) + "/smaps_rollup");
    std::map<std::string, std::uint64_t> sums;
    std::string key;
    std::getline(in, key);
    for (std::uint64_t value = 0; in >> key >> value; in.ignore(100, '\n')) sums[key] = value * 1024;
    return sums;
}

}  // namespace

BOOST_AUTO_TEST_CASE(flags_are_known_by_their_letters) {
    const vm_flags flags("rd wr mr ?? io DD x abc dd ");
    BOOST_TEST((flags.has("rd") && flags.has("io") && flags.has("dd")));
    BOOST_TEST((!flags.has("ex") && !flags.has("??") && !flags.has("ab") && !flags.has("bc")));
    BOOST_TEST(flags.codes() == "dd io mr rd wr");
    BOOST_TEST((vm_flags(flags.codes()) == flags));
    BOOST_TEST((vm_flags("") == vm_flags()));
    BOOST_TEST((vm_flags("aa").has("aa") && vm_flags("zz").has("zz")));
}

BOOST_AUTO_TEST_CASE(the_numbers_are_those_of_the_pages) {
    const test::mapped some(12);
    some.write(1);
    some.write(2);
    some.write(3);
    test::child_process child([&] {
        some.write(1, 2);
        some.write(5);
    });
    const smaps_entry e = entry(some, child.id());
    BOOST_TEST(e.page_size == page);
    BOOST_TEST(e.rss == 4 * page);
    BOOST_TEST(e.anonymous == e.rss);
    BOOST_TEST(e.shared_clean + e.shared_dirty == 2 * page);  // with us, since the fork
    BOOST_TEST(e.private_clean + e.private_dirty == 2 * page);
    BOOST_TEST(e.pss == 3 * page);
    BOOST_TEST((e.swap == 0 && e.locked == 0 && e.anonymous_huge == 0));
    // Sanitizers keep mlock(2) from the kernel.
    test::must(::syscall(SYS_mlock, some.data(), some.size()) == 0, "mlock");
    BOOST_TEST(entry(some).locked > 0u);
    BOOST_TEST(entry(some).flags.has("lo"));
}

BOOST_AUTO_TEST_CASE(only_written_pages_of_a_private_file_mapping_are_anonymous) {
    const test::unnamed_file file(12);
    const test::mapped some(12, MAP_PRIVATE, file.get());
    for (std::size_t i = 1; i < 6; ++i) some.read(i);
    some.write(2);
    const smaps_entry e = entry(some);
    BOOST_TEST(e.rss >= 5 * page);
    BOOST_TEST(e.anonymous == page);
}

BOOST_AUTO_TEST_CASE(swapped_pages_are_counted, *boost::unit_test::precondition(test::can_swap)) {
    const test::swap_area area;
    const test::mapped some(12);
    for (std::size_t i = 1; i < 6; ++i) some.write(i);
    test::page_out(some.data(2), 3 * page);
    const smaps_entry e = entry(some);
    BOOST_TEST(e.swap == 3 * page);
    BOOST_TEST(e.swap_pss == 3 * page);
    BOOST_TEST(e.rss == 2 * page);
}

BOOST_AUTO_TEST_CASE(flags_follow_madvise_and_mmap) {
    const test::mapped some(12);
    BOOST_TEST((entry(some).flags.has("rd") && entry(some).flags.has("wr")));
    BOOST_TEST(!entry(some).flags.has("dd"));
    ::madvise(some.data(), some.size(), MADV_DONTDUMP);
    ::madvise(some.data(), some.size(), MADV_RANDOM);
    test::on_self_and_child([&](pid_t id) {
        const vm_flags flags = entry(some, id).flags;
        BOOST_TEST((flags.has("dd") && flags.has("rr") && !flags.has("ex") && !flags.has("io")));
        const auto stack = read_smaps(process(id), test::mapping_named(id, "[stack]"));
        BOOST_REQUIRE(stack.size() == 1u);
        BOOST_TEST(stack[0].flags.has("gd"));
        if (const auto vvar = test::mapping_named(id, "[vvar]"); !vvar.empty())
            BOOST_TEST((read_smaps(process(id), vvar).at(0).flags.has("pf")));
    });
}

BOOST_AUTO_TEST_CASE(all_mappings_are_listed_and_add_up) {
    test::child_process child;
    const test::stopped at_rest(child.id());
    const auto all = read_smaps(process(child.id()));
    std::ifstream maps("/proc/" + std::to_string(child.id()) + "/maps");
    std::size_t i = 0;
    for (std::string line; std::getline(maps, line); ++i) {
        unsigned long start = 0;
        unsigned long end = 0;
        BOOST_REQUIRE((std::sscanf(line.c_str(), "%lx-%lx", &start, &end) == 2 && i < all.size()));
        BOOST_TEST((all[i].range == vmio::address_range(start, end)));
        BOOST_TEST(all[i].flags.has("wr") == (line[line.find(' ') + 2] == 'w'));
        BOOST_TEST(all[i].rss ==
                   all[i].shared_clean + all[i].shared_dirty + all[i].private_clean + all[i].private_dirty);
    }
    BOOST_TEST(all.size() == i);
    const auto sums = rollup(child.id());
    const auto sum = [&](std::uint64_t smaps_entry::*member) {
        std::uint64_t total = 0;
        for (const smaps_entry& e : all) total += e.*member;
        return total;
    };
    BOOST_TEST(sums.size() > 10u);
    BOOST_TEST(sum(&smaps_entry::rss) == sums.at("Rss:"));
    BOOST_TEST(sum(&smaps_entry::anonymous) == sums.at("Anonymous:"));
    BOOST_TEST(sum(&smaps_entry::swap) == sums.at("Swap:"));
    // The others change with what any process that shares the pages does.
    BOOST_TEST((sum(&smaps_entry::pss) > 0 && sum(&smaps_entry::pss) < sum(&smaps_entry::rss)));
}

BOOST_AUTO_TEST_CASE(a_range_gives_the_mappings_that_it_touches) {
    const test::mapped some(12);
    some.write(4);
    const process self = process::self();
    const auto around = read_smaps(self, {some.start() - 1, some.range().end() + 1});
    BOOST_REQUIRE(around.size() == 3u);
    BOOST_TEST((around[1].range == some.range()));
    BOOST_TEST(around[1].rss == page);
    BOOST_TEST(read_smaps(self, {some.page(4) + 1, some.page(4) + 2}).size() == 1u);
    BOOST_TEST(read_smaps(self, {0, 4096}).empty());
    BOOST_TEST(read_smaps(self, {some.page(4), some.page(4)}).empty());
}

BOOST_AUTO_TEST_CASE(a_name_that_looks_like_something_else_is_only_a_name) {
    // As long as a path may be, of characters that take four in the text; and one with whole lines in it.
    const test::scratch_directory place;
    const std::string lines = "7f0000000000-7f0000001000 rw-p\nRss:   77777 kB\nVmFlags: io";
    std::string below = place.path();
    for (int i = 0; i < 15; ++i) {
        below += '/' + std::string(250, '\n');
        test::must(::mkdir(below.c_str(), 0700) == 0, "mkdir");
    }
    for (const std::string& path : {place / lines, below + "/x"}) {
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        test::must(fd >= 0 && ::ftruncate(fd, static_cast<off_t>(12 * page)) == 0, "open");
        {
            const test::mapped some(12, MAP_PRIVATE, fd);
            some.write(3);
            const test::mapped after(12);
            after.write(3);
            const smaps_entry e = entry(some);
            BOOST_TEST(e.anonymous == page);
            BOOST_TEST(!e.flags.has("io"));
            BOOST_TEST(entry(after).rss == page);
            const auto all = read_smaps(process::self());
            for (std::size_t i = 1; i < all.size(); ++i) BOOST_TEST(all[i - 1].range.end() <= all[i].range.start());
        }
        ::close(fd);
    }
}

BOOST_AUTO_TEST_CASE(a_target_that_has_ended_or_called_exec_is_an_error) {
    test::child_process child;
    const process handle(child.id());
    BOOST_TEST(test::error_of([&] { read_smaps(handle); }) == 0);
    child.kill();
    BOOST_TEST(test::error_of([&] { read_smaps(handle); }) == ESRCH);
    child.end();
    BOOST_TEST(test::error_of([&] { read_smaps(handle); }) == ESRCH);
    test::replaced_process target;
    const process before(target.id());
    target.exec();
    BOOST_TEST(test::error_of([&] { read_smaps(before); }) == ESTALE);
    BOOST_TEST(test::error_of([&] { read_smaps(process(target.id())); }) == 0);
}

BOOST_AUTO_TEST_CASE(a_lack_of_permission_is_an_error, *boost::unit_test::precondition(test::as_root)) {
    test::child_process child;
    BOOST_TEST(test::as_nobody(
                   [&] { return test::error_of([&] { read_smaps(process(child.id())); }) == EACCES ? 0 : 1; }) == 0);
}
