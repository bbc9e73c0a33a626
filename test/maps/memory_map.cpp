// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_map.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <ranges>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/pause_guard.hpp>

#include "faults/seccomp.hpp"
#include "processes/child.hpp"
#include "processes/exec_loop_process.hpp"
#include "processes/replaced_process.hpp"
#include "processes/storm_process.hpp"
#include "support/maps.hpp"
#include "support/odd_mappings.hpp"
#include "support/pages.hpp"
#include "support/skip.hpp"

using vmio::address;
using vmio::address_range;
using vmio::mapping;
using vmio::memory_map;
using vmio::memory_map_check;
using vmio::process;

static_assert(std::ranges::contiguous_range<memory_map> && std::ranges::sized_range<memory_map>);
static_assert(std::is_aggregate_v<mapping> && std::is_aggregate_v<vmio::permissions>);

namespace {

const std::size_t page = vmio::page_size();

bool is_sorted_without_overlaps(const memory_map& map) {
    return std::ranges::all_of(map, [&](const mapping& m) {
        return !m.range.empty() && (&m == map.begin() || (&m)[-1].range.end() <= m.range.start());
    });
}

/// Both ways, of a target that does nothing meanwhile.
void must_agree(const process& target) {
    const std::vector<mapping> text = test::mappings_by_text(target);
    BOOST_TEST(text == test::mappings_one_by_one(target), boost::test_tools::per_element());
    BOOST_TEST(text.size() > 10u);
}

/// Lists of a target, read as anybody would, with read(2) and nothing of the library but its parser.
struct raw_lists {
    int torn = 0;
    int holes = 0;
    int holes_of_ours = 0;

    void read(const process& target, const address_range& arena) {
        std::ifstream maps("/proc/" + std::to_string(target.id()) + "/maps");
        std::ostringstream text;
        text << maps.rdbuf();
        const memory_map map = memory_map::from_text(text.str());
        if (map.torn())
            ++torn;
        else
            holes += map.gaps(arena).empty() ? 0 : 1;
    }
    void count_hole_of_ours(const std::vector<address_range>& gaps) { holes_of_ours += gaps.empty() ? 0 : 1; }
};

/// Of this process, which maps memory while it lists it: the mappings that exist before and after.
void must_agree_on_what_stays(const process& target) {
    const std::vector<mapping> text = test::mappings_by_text(target);
    const std::vector<mapping> one_by_one = test::mappings_one_by_one(target);
    const std::vector<mapping> later_text = test::mappings_by_text(target);
    const std::vector<mapping> later_one_by_one = test::mappings_one_by_one(target);
    const auto has = [](const std::vector<mapping>& list, const mapping& m) {
        return std::ranges::find(list, m) != list.end();
    };
    std::size_t stayed = 0;
    for (const mapping& m : text)
        if (has(later_text, m)) {
            BOOST_TEST(has(one_by_one, m), m);
            ++stayed;
        }
    for (const mapping& m : one_by_one)
        if (has(later_one_by_one, m)) BOOST_TEST(has(later_text, m), m);
    BOOST_TEST(stayed > 10u);
}

int error_of(const process& target) {
    std::error_code ec;
    const memory_map map = memory_map::load(target, ec);
    BOOST_TEST(map.empty() == static_cast<bool>(ec));
    if (ec)
        BOOST_CHECK_EXCEPTION(memory_map::load(target), vmio::memory_error, [&](const vmio::memory_error& e) {
            return e.code() == ec && e.process_id() == target.id();
        });
    return ec.value();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_mapping_is_found_with_all_its_properties) {
    test::pages some(4);
    some.protect(1, PROT_READ);
    some.make_hole(2);
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat status {};
    BOOST_REQUIRE(::fstat(file, &status) == 0);
    void* const mapped = ::mmap(nullptr, page, PROT_READ | PROT_EXEC, MAP_SHARED, file, static_cast<off_t>(page));
    BOOST_REQUIRE(mapped != MAP_FAILED);
    test::on_self_and_child([&](pid_t id) {
        const memory_map map = memory_map::load(process(id));
        BOOST_TEST(is_sorted_without_overlaps(map));
        BOOST_TEST(map.malformed_lines().empty());
        const mapping* const m = map.find(test::address_of(mapped) + page / 2);
        BOOST_REQUIRE(m != nullptr);
        BOOST_TEST(*m == (mapping{address_range::of_size(test::address_of(mapped), page),
                                  {true, false, true, true},
                                  page,
                                  major(status.st_dev),
                                  minor(status.st_dev),
                                  status.st_ino,
                                  std::filesystem::read_symlink("/proc/self/exe"),
                                  false}));
        BOOST_REQUIRE(map.find(some.page(1)) != nullptr);
        BOOST_TEST(map.find(some.page(1))->range == address_range::of_size(some.page(1), page));
        BOOST_TEST(to_string(map.find(some.page(1))->perms) == "r--p");
        BOOST_TEST(to_string(map.find(some.page(2))->perms) == "---p");
        BOOST_TEST(to_string(map.find(some.page(3))->perms) == "rw-p");
        for (const char* name : {"[stack]", "[vdso]"})
            BOOST_TEST((std::ranges::count(map, name, &mapping::name) == 1), name);
    });
    ::munmap(mapped, page);
    ::close(file);
}

BOOST_AUTO_TEST_CASE(every_name_is_kept_byte_for_byte) {
    const test::odd_mappings odd;
    test::on_self_and_child([&](pid_t id) {
        const memory_map map = memory_map::load(process(id));
        for (const auto& expected : odd.all()) {
            const mapping* const m = map.find(expected.at);
            BOOST_REQUIRE((m != nullptr));
            BOOST_TEST(m->name == expected.name);
            BOOST_TEST(m->deleted == expected.deleted, expected.name);
            BOOST_TEST(m->file_backed() == (expected.name.find('/') == 0), expected.name);
        }
    });
}

BOOST_AUTO_TEST_CASE(a_file_that_only_the_target_sees_is_not_deleted, *boost::unit_test::precondition(test::as_root)) {
    const test::scratch_directory outside;
    const std::string inside = "/only there (deleted)";
    const test::pages some(1);
    const auto map_file = [&](const std::string& path) {
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        test::must(::mmap(some.data(), page, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == some.data(), "mmap");
    };
    const test::child_process contained([&] {
        test::must(::unshare(CLONE_NEWNS) == 0, "unshare");
        test::must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "mount");
        test::must(::mount("none", outside.path().c_str(), "tmpfs", 0, nullptr) == 0, "mount");
        map_file(outside.path() + inside);
    });
    const test::child_process confined([&] {
        test::must(::chroot(outside.path().c_str()) == 0, "chroot");
        map_file(inside);
    });
    for (const pid_t id : {contained.id(), confined.id()}) {
        const process target(id);
        const mapping m = query_mapping(target, some.start()).value();
        BOOST_TEST(m.name == outside.path() + inside);
        BOOST_TEST(!m.deleted);
        BOOST_TEST(*memory_map::load(target).find(some.start()) == m);
    }
}

BOOST_AUTO_TEST_CASE(text_and_queries_agree_whatever_is_mapped) {
    const test::odd_mappings odd;
    must_agree_on_what_stays(process::self());
    const test::child_process child;
    must_agree(process(child.id()));
}

BOOST_AUTO_TEST_CASE(text_and_queries_agree_on_20000_mappings) {
    constexpr std::size_t count = 20000;
    const test::child_process child([] {
        auto* const start =
            static_cast<char*>(::mmap(nullptr, count * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        for (std::size_t i = 0; i < count; i += 2)
            test::must(::mprotect(start + i * page, page, PROT_READ | PROT_WRITE) == 0, "mprotect");
    });
    const process target(child.id());
    must_agree(target);
    const memory_map map = memory_map::load(target);
    BOOST_TEST(map.size() > count);
    BOOST_TEST(!map.torn());
    for (const mapping& m : map) {
        BOOST_TEST_REQUIRE(map.find(m.range.start()) == &m);
        BOOST_TEST_REQUIRE(map.find(m.range.end() - 1) == &m);
    }
}

BOOST_AUTO_TEST_CASE(a_target_that_maps_and_unmaps_meanwhile_has_an_orderly_list) {
    const test::storm_process target(VMIO_STORM_TARGET);
    const process handle(target.id());
    const address_range arena = address_range::of_size(target.start(), target.size());
    const auto quiet = [](const auto& list) {
        std::vector<mapping> of_the_program;
        for (const mapping& m : list)
            if (m.name.ends_with("storm_target") || m.name == "[stack]" || m.name == "[vdso]")
                of_the_program.push_back(m);
        return of_the_program;
    };
    const std::vector<mapping> before = quiet(test::mappings_one_by_one(handle));
    BOOST_TEST(before.size() > 4u);
    // The storm replaces mappings and leaves no hole. What the kernel's own list shows of it is counted beside ours.
    raw_lists raw;
    for (int i = 0; i < 1000; ++i) {
        raw.read(handle, arena);
        const memory_map map = memory_map::load(handle, memory_map_check::gaps);
        BOOST_TEST(!map.torn());
        BOOST_TEST(is_sorted_without_overlaps(map));
        BOOST_TEST(quiet(map) == before, boost::test_tools::per_element());
        BOOST_TEST(map.gaps(arena).empty());
        const memory_map unchecked = memory_map::load(handle);
        BOOST_TEST(!unchecked.torn());
        BOOST_TEST(is_sorted_without_overlaps(unchecked));
        raw.count_hole_of_ours(unchecked.gaps(arena));
    }
    BOOST_TEST_MESSAGE("of 1000 raw lists " << raw.torn << " are torn and " << raw.holes
                                            << " of the others have a hole; "
                                            << "of 1000 unchecked ones of ours " << raw.holes_of_ours << " have one");
    const vmio::pause_guard pause(handle);
    must_agree(handle);
}

BOOST_AUTO_TEST_CASE(a_process_without_memory_is_an_error_and_never_an_empty_map,
                     *boost::unit_test::precondition(test::as_root)) {
    test::child_process child;
    const process target(child.id());
    BOOST_TEST(error_of(target) == 0);
    child.kill();
    BOOST_TEST(error_of(target) == ESRCH);  // a zombie: its maps can be opened and read as empty
    child.end();
    BOOST_TEST(error_of(target) == ESRCH);
    std::error_code ec;
    BOOST_TEST(error_of(process(0, ec)) == ESRCH);

    BOOST_TEST(test::as_nobody([] {
                   std::error_code error;
                   memory_map::load(process(1), error);
                   return error.value();
               }) == EACCES);
}

BOOST_AUTO_TEST_CASE(exhausted_descriptors_are_an_error_and_no_list) {
    BOOST_TEST(test::in_a_process([] {
                   const process target = process::self();
                   const int next = ::dup(0);
                   ::close(next);
                   const rlimit limit{static_cast<rlim_t>(next), static_cast<rlim_t>(next)};
                   test::must(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
                   std::error_code ec;
                   return memory_map::load(target, ec).empty() && ec.value() == EMFILE ? 0 : 1;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_map_loaded_after_exec_is_the_new_programs) {
    test::replaced_process target;
    const process handle(target.id());
    memory_map map = memory_map::load(handle);
    const auto has = [&](const std::string& end) {
        return std::ranges::any_of(map, [&](const mapping& m) { return m.name.ends_with(end); });
    };
    BOOST_TEST((has("/test_memory_map") && !has("/cat")));
    target.exec();
    do map.refresh();
    while (!has("/cat"));  // the kernel is still at it
    BOOST_TEST(!has("/test_memory_map"));
}

BOOST_AUTO_TEST_CASE(a_list_that_exec_cuts_off_is_not_taken_for_a_whole_one) {
    const auto last_name = [](const memory_map& map) { return map.empty() ? "" : (map.end() - 1)->name; };
    if (last_name(memory_map::load(process::self())) != "[vsyscall]") return;  // how the end is known here
    test::exec_loop_process target(VMIO_EXEC_LOOP);
    const process handle(target.id());
    target.begin();
    int loaded = 0;
    for (int i = 0; i < 2000; ++i) {
        std::error_code ec;
        const memory_map map = memory_map::load(handle, ec);
        BOOST_TEST((!ec || ec.value() == ESTALE));
        if (!ec) BOOST_TEST(last_name(map) == "[vsyscall]");
        loaded += !ec;
    }
    BOOST_TEST(loaded > 1900);
}

BOOST_AUTO_TEST_CASE(a_refresh_finds_new_mappings_and_keeps_the_old_list_after_an_error) {
    memory_map own = memory_map::load(process::self());
    const test::pages some(1);
    own.refresh();
    BOOST_TEST(own.find(some.start()) != nullptr);

    test::child_process child;
    memory_map map = memory_map::load(process(child.id()));
    const std::size_t size = map.size();
    child.end();
    BOOST_CHECK_THROW(map.refresh(), vmio::memory_error);
    BOOST_TEST(map.size() == size);
    memory_map of_nobody;
    BOOST_CHECK_THROW(of_nobody.refresh(), std::logic_error);
    memory_map of_text = memory_map::from_text("1000-2000 rw-p 00000000 00:00 0 \n");
    BOOST_CHECK_THROW(of_text.refresh(), std::logic_error);
}

BOOST_AUTO_TEST_CASE(places_between_and_beyond_mappings_are_no_mapping) {
    const memory_map map = memory_map::from_text(
        "1000-3000 rw-p 00000000 00:00 0 \n"
        "3000-4000 r--p 00000000 00:00 0 \n"
        "5000-6000 ---p 00000000 00:00 0 \n"
        "7000-8000 r--p 00000000 00:00 0 \n");
    const mapping* const m = map.begin();
    BOOST_TEST(map.size() == 4u);
    for (const address a : {0x0, 0xfff, 0x4000, 0x4fff, 0x6000, 0x8000}) BOOST_TEST(map.find(a) == nullptr);
    BOOST_TEST(map.find(~address{0}) == nullptr);
    BOOST_TEST(
        (map.find(0x1000) == m && map.find(0x2fff) == m && map.find(0x3000) == m + 1 && map.find(0x5fff) == m + 2));
    BOOST_TEST((map.at_or_above(0) == m && map.at_or_above(0x1000) == m && map.at_or_above(0x4000) == m + 2));
    BOOST_TEST((map.at_or_above(0x8000) == map.end() && map.at_or_above(~address{0}) == map.end()));

    BOOST_TEST(map.readable_ranges() == (std::vector<address_range>{{0x1000, 0x4000}, {0x7000, 0x8000}}),
               boost::test_tools::per_element());
    BOOST_TEST(map.ranges([](const mapping& one) { return one.perms.write; }) ==
                   (std::vector<address_range>{{0x1000, 0x3000}}),
               boost::test_tools::per_element());
    BOOST_TEST(map.gaps() == (std::vector<address_range>{{0x4000, 0x5000}, {0x6000, 0x7000}}),
               boost::test_tools::per_element());
    BOOST_TEST(map.gaps({0x2000, 0x9000}) ==
                   (std::vector<address_range>{{0x4000, 0x5000}, {0x6000, 0x7000}, {0x8000, 0x9000}}),
               boost::test_tools::per_element());
    BOOST_TEST(map.gaps({0, 0x800}) == (std::vector<address_range>{{0, 0x800}}), boost::test_tools::per_element());
    BOOST_TEST(map.gaps({0x4800, 0x4900}) == (std::vector<address_range>{{0x4800, 0x4900}}),
               boost::test_tools::per_element());
    BOOST_TEST((map.gaps({0x1000, 0x4000}).empty() && map.gaps({0x4800, 0x4800}).empty()));
}

BOOST_AUTO_TEST_CASE(an_empty_map_has_nothing_anywhere) {
    for (const memory_map& map : {memory_map(), memory_map::from_text("")}) {
        BOOST_TEST((map.empty() && map.size() == 0 && map.begin() == map.end()));
        BOOST_TEST((map.find(0) == nullptr && map.at_or_above(0) == map.end()));
        BOOST_TEST((map.gaps().empty() && map.readable_ranges().empty() && map.gaps({1, 2}).size() == 1));
    }
}

BOOST_AUTO_TEST_CASE(malformed_lines_are_reported_and_do_not_end_the_list) {
    const memory_map map =
        memory_map::from_text("garbage\n1000-2000 rw-p 00000000 00:00 0 \n-\n2000-3000 r--p 0 0:0 0 x");
    BOOST_TEST(map.size() == 2u);
    BOOST_TEST(map.malformed_lines() == (std::vector<std::string>{"garbage", "-"}), boost::test_tools::per_element());
    BOOST_TEST(!map.torn());
    BOOST_TEST(memory_map::from_text("1000-3000 rw-p 0 0:0 0\n2000-4000 rw-p 0 0:0 0\n").torn());
}

BOOST_AUTO_TEST_CASE(impossible_lists_of_mappings_are_refused) {
    const auto of = [](std::initializer_list<address_range> ranges) {
        std::vector<mapping> list;
        for (const address_range& r : ranges) list.emplace_back().range = r;
        return memory_map::from_mappings(list);
    };
    BOOST_TEST(of({{10, 20}, {20, 30}}).size() == 2u);
    BOOST_CHECK_THROW(of({{10, 10}}), std::invalid_argument);
    BOOST_CHECK_THROW(of({{10, 20}, {15, 30}}), std::invalid_argument);
    BOOST_CHECK_THROW(of({{10, 20}, {5, 8}}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_map_is_a_standard_range) {
    const memory_map map = memory_map::load(process::self());
    const std::span<const mapping> all(map);
    BOOST_TEST(all.size() == map.size());
    BOOST_TEST(std::ranges::count_if(map, [](const mapping& m) { return m.perms.execute; }) > 2);
    const memory_map copy = map;
    BOOST_TEST(std::ranges::equal(copy, map));
    BOOST_TEST(copy.find(map.begin()->range.start()) == copy.begin());
}
