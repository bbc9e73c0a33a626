// SPDX-License-Identifier: BSL-1.0
/// The way without PAGEMAP_SCAN.
#include <algorithm>
#include <cerrno>
#include <string>

#include <sys/mman.h>
#include <sys/syscall.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/page_map.hpp>

#include "faults/seccomp.hpp"
#include "processes/child.hpp"
#include "processes/replaced_process.hpp"
#include "support/error_of.hpp"
#include "support/kernel_features.hpp"
#include "support/mapped.hpp"
#include "support/maps.hpp"
#include "support/page_picture.hpp"
#include "support/sanitized.hpp"
#include "support/usage.hpp"

using test::error_of;
using test::picture;
using vmio::address_range;
using vmio::page_map;
using vmio::page_state;
using vmio::process;
using vmio::scan_pages;

namespace {

const std::size_t page = vmio::page_size();

#ifdef VMIO_TEST_SANITIZED
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

/// Returns: all addresses; but what lies around `ranges` under a sanitizer, whose terabytes are used here and there.
address_range scanned(std::initializer_list<address_range> ranges) {
    if (!sanitized) return {0, ~vmio::address{0}};
    address_range around = *ranges.begin();
    for (const address_range& r : ranges)
        around = {std::min(around.start(), r.start()), std::max(around.end(), r.end())};
    return around;
}

}  // namespace

BOOST_AUTO_TEST_CASE(entries_say_the_same_where_the_ioctl_is_refused) {
    const test::unnamed_file file(8);
    const test::mapped anonymous(5000);
    const test::mapped of_file(8, MAP_PRIVATE, file.get());
    const test::mapped shared(8, MAP_SHARED | MAP_ANONYMOUS);
    const test::child_process child([&] {
        for (std::size_t i = 3; i < 4000; i += i % 7 + 1) anonymous.write(i);
        anonymous.read(4500);
        for (const test::mapped* m : {&of_file, &shared}) {
            m->read(1);
            m->write(4);
        }
        test::install_guards(anonymous.data(4600), 2 * page);
        test::install_guards(of_file.data(5), page);
    });
    const address_range all_of_it{
        std::min({anonymous.start(), of_file.start(), shared.start()}),
        std::max({anonymous.range().end(), of_file.range().end(), shared.range().end()}),
    };
    const char of_read_page = test::tells_zero_page() ? 'Z' : 'P';
    for (const int refusal : {EPERM, ENOSYS, ENOTTY, EACCES, EINVAL})
        BOOST_TEST(test::in_a_process([&] {
                       const page_map map(process(child.id()));
                       const auto pictures = [&] {
                           return picture(map.scan(anonymous.range())) + picture(map.scan(of_file.range())) +
                                  picture(map.scan(shared.range()));
                       };
                       const auto flags = ~(page_state::zero_page | page_state::huge);
                       std::string expected = pictures();
                       const auto expected_runs = map.scan(all_of_it, page_state::absent | page_state::file);
                       if (expected[4500] != of_read_page) return 1;
                       expected[4500] = 'P';  // an entry does not tell the zero page
                       test::forbid({SYS_ioctl}, refusal);
                       if (pictures() != expected) return 2;
                       if (map.scan(all_of_it, page_state::absent | page_state::file) != expected_runs) return 3;
                       if (map.scan(all_of_it) != map.scan(all_of_it, flags)) return 4;
                       if (scan_pages(map.target(), shared.range()) != map.scan(shared.range())) return 5;
                       int runs = 0;
                       map.scan(anonymous.range(), page_state::data, [&](const vmio::page_run&) { return ++runs < 3; });
                       if (runs != 3) return 6;
                       return 0;
                   }) == 0);
}

BOOST_AUTO_TEST_CASE(the_whole_address_space_and_the_end_of_a_target_are_seen_without_the_ioctl) {
    // cat(1), since what sanitizers reserve takes long to read.
    BOOST_TEST(test::in_a_process([] {
                   test::replaced_process target;
                   target.exec();
                   siginfo_t info;
                   const auto id = static_cast<id_t>(target.id());
                   ::kill(target.id(), SIGSTOP);
                   ::waitid(P_PID, id, &info, WSTOPPED);
                   const page_map map{process(target.id())};
                   const address_range everything{0, ~vmio::address{0}};
                   const auto told = page_state::absent | page_state::file | page_state::guard;
                   const auto expected = map.scan(everything, told);
                   test::forbid({SYS_ioctl}, ENOTTY);
                   const auto runs = map.scan(everything, told);
                   if (runs != expected) return 1;
                   const address_range stack = test::mapping_named(target.id(), "[stack]");
                   if (map.scan(stack, page_state::data).empty()) return 2;
                   ::kill(target.id(), SIGKILL);
                   ::waitid(P_PID, id, &info, WEXITED | WNOWAIT);
                   return error_of([&] { map.scan(stack); }) == ESRCH ? 0 : 3;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(reserved_memory_that_holds_nothing_is_not_read_entry_by_entry) {
    BOOST_TEST(
        test::in_a_process([] {
            constexpr std::size_t size = std::size_t{64} << 30;
            const test::mapped reserve(size / page, MAP_PRIVATE | MAP_ANONYMOUS);
            const test::mapped used(3);
            used.write(1);
            const vmio::address_range around = scanned({reserve.range(), used.range()});
            if (around.size() > 4 * size && sanitized) return 5;
            const page_map map(process::self());
            test::forbid({SYS_ioctl}, ENOTTY);
            const std::uint64_t before = test::bytes_read();
            if (!map.scan(reserve.range(), page_state::data).empty()) return 1;
            if (map.scan(around, page_state::data).empty()) return 2;
            if (test::bytes_read() - before > size / page) return 3;  // an eighth of what the entries have
            reserve.write(size / page / 2);
            return map.scan({reserve.page(size / page / 2), reserve.page(size / page / 2 + 1)}).size() == 1 ? 0 : 4;
        }) == 0);
}
