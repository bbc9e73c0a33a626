// SPDX-License-Identifier: BSL-1.0
// Where region_reader takes bytes from, and what that leaves behind in the target.
#include <vmio/region_reader.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/process_snapshot.hpp>
#include <vmio/search.hpp>

#include "walk/region_source.hpp"

#include "processes/child.hpp"
#include "processes/stopped.hpp"
#include "support/directory.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/regions.hpp"
#include "support/skip.hpp"
#include "support/usage.hpp"

using test::child_process;
using test::directory;
using test::mapped;
using test::must;
using test::status_of;
using vmio::address;
using vmio::address_range;
using vmio::gap_reason;
using vmio::memory_gap;
using vmio::process;
using vmio::region_options;
using vmio::region_reader;

namespace {

const std::size_t page = vmio::page_size();
constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t gibibyte = std::size_t{1} << 30;

/// A file of so many pages, each full of one letter from 'a' on.
int make_file(const std::string& path, std::size_t count) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    must(fd >= 0, "open");
    for (std::size_t i = 0; i < count; ++i) {
        const std::string text(page, static_cast<char>('a' + i % 26));
        must(::write(fd, text.data(), page) == static_cast<ssize_t>(page), "write");
    }
    return fd;
}

/// The first letter of each page of `range`, '.' for zero, and '!' for a gap.
std::string letters(const process& target, const address_range& range, region_options options = {}) {
    options.within = range;
    std::string text;
    for (region_reader reader(target, options); reader.next();) {
        const auto bytes = reader.fetch();
        for (std::size_t at = 0; at < bytes.size(); at += page) {
            const char c = static_cast<char>(bytes[at]);
            const bool gap = std::any_of(reader.gaps().begin(), reader.gaps().end(), [&](const address_range& g) {
                return g.contains(reader.range().start() + at);
            });
            text += gap ? '!' : c == 0 ? '.' : c;
        }
    }
    return text;
}

std::vector<memory_gap> gaps_of(const process& target, const address_range& range) {
    region_options options;
    options.within = range;
    std::vector<memory_gap> all;
    for (region_reader reader(target, options); reader.next();) {
        reader.fetch();
        all.insert(all.end(), reader.memory_gaps().begin(), reader.memory_gaps().end());
    }
    return all;
}

/// Maps `count` pages of a file privately from page `first` on.
struct file_mapping {
    file_mapping(int fd, std::size_t first, std::size_t count, int flags = MAP_PRIVATE)
        : size(count * page),
          data(static_cast<char*>(
              ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, static_cast<off_t>(first * page)))) {
        must(data != MAP_FAILED, "mmap");
    }
    file_mapping(const file_mapping&) = delete;
    file_mapping& operator=(const file_mapping&) = delete;
    ~file_mapping() { ::munmap(data, size); }
    address_range range() const { return address_range::of_size(vmio::address_of(data), size); }

    std::size_t size;
    char* data;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_private_file_mapping_is_read_from_its_file_but_for_changed_pages) {
    const directory place;
    const int fd = make_file(place / "file", 8);
    const file_mapping m(fd, 2, 5);  // c d e f g
    const child_process child([&] {
        for (std::size_t i = 0; i < 200; ++i) m.data[2 * page - 100 + i] = 'X';  // across a boundary
    });
    const process target(child.id());
    BOOST_TEST(letters(target, m.range()) == "cdXfg");
    region_options options;
    options.within = m.range();
    region_reader reader(target, options);
    BOOST_REQUIRE(reader.next());
    const auto bytes = reader.fetch();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const bool changed = i >= 2 * page - 100 && i < 2 * page + 100;
        const char expected = changed ? 'X' : static_cast<char>('c' + i / page);
        if (static_cast<char>(bytes[i]) != expected) BOOST_FAIL("wrong byte at " << i);
    }
    // What is in the file comes from there; what is not asked of it, from memory.
    must(::pwrite(fd, "Q", 1, static_cast<off_t>(6 * page)) == 1, "pwrite");
    BOOST_TEST(letters(target, m.range()) == "cdXfQ");
    options.use_backing_files = false;
    BOOST_TEST(letters(target, m.range(), options) == "cdXfQ");
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_file_that_was_deleted_is_found_and_a_decoy_is_not_taken_for_it) {
    const directory place;
    const int fd = make_file(place / "file", 4);
    const file_mapping m(fd, 0, 4);
    const child_process child([&] { m.data[page] = 'X'; });
    must(::unlink((place / "file").c_str()) == 0, "unlink");
    for (const char* name : {"file (deleted)", "file"}) {
        std::ofstream decoy(place / name);
        decoy << std::string(8 * page, '?');
        decoy.close();
        BOOST_TEST(letters(process(child.id()), m.range()) == "aXcd");
        if (::geteuid() == 0)
            BOOST_TEST(test::as_nobody([&] {
                           const file_mapping mine(fd, 0, 4);
                           mine.data[2 * page] = 'X';
                           return letters(process::self(), mine.range()) == "abXd" ? 0 : 1;
                       }) == 0);
    }
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(pages_beyond_the_end_of_a_file_are_gaps) {
    const directory place;
    const int fd = make_file(place / "file", 6);
    const file_mapping m(fd, 1, 5);  // b c d e f
    const child_process child([&] { m.data[3 * page] = 'X'; });
    must(::ftruncate(fd, static_cast<off_t>(3 * page + 10)) == 0, "ftruncate");
    const process target(child.id());
    // The page that was changed is gone with the file's.
    BOOST_TEST(letters(target, m.range()) == "bcd!!");
    const auto gaps = gaps_of(target, m.range());
    BOOST_REQUIRE(gaps.size() == 1U);
    BOOST_TEST((gaps[0].reason == gap_reason::past_end_of_file));
    BOOST_TEST(gaps[0].range.start() == m.range().start() + 3 * page);
    // The rest of the last page is zero.
    region_options options;
    options.within = {m.range().start() + 2 * page, m.range().start() + 3 * page};
    region_reader reader(target, options);
    BOOST_REQUIRE(reader.next());
    BOOST_TEST((static_cast<char>(reader.fetch()[9]) == 'd' && reader.fetch()[10] == std::byte(0)));
    // Cut off before the part that is mapped.
    must(::ftruncate(fd, static_cast<off_t>(page)) == 0, "ftruncate");
    BOOST_TEST(letters(target, m.range()) == "!!!!!");
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_name_of_any_bytes_leads_to_its_file) {
    const directory place;
    for (const std::string name : {"caf\xe9 \xff", " ends with a space ", "line\nbreak", "\\012", "x (deleted)"}) {
        const int fd = make_file(place / name, 3);
        const file_mapping m(fd, 0, 3);
        BOOST_TEST(letters(process::self(), m.range()) == "abc");
        const child_process child([&] { m.data[page] = 'X'; });
        BOOST_TEST(letters(process(child.id()), m.range()) == "aXc");
        ::close(fd);
    }
}

BOOST_AUTO_TEST_CASE(shared_memory_is_read_from_its_file) {
    const mapped memory(6, MAP_SHARED | MAP_ANONYMOUS);
    memory.write(1, 'x');
    const child_process child([&] { memory.write(3, 'y'); });
    const std::size_t before = status_of(child.id(), "RssShmem");
    BOOST_TEST(letters(process(child.id()), memory.range()) == ".x.y..");
    if (::geteuid() == 0) BOOST_TEST(status_of(child.id(), "RssShmem") == before);
    region_options options;
    options.use_backing_files = false;
    BOOST_TEST(letters(process(child.id()), memory.range(), options) == ".x.y..");
}

// As root: shared memory without a name is read through /proc/PID/map_files.
BOOST_AUTO_TEST_CASE(a_walk_does_not_grow_the_target, *boost::unit_test::precondition(test::as_root)) {
    const directory place;
    const int fd = make_file(place / "file", 1);
    must(::ftruncate(fd, 256 * mebibyte) == 0, "ftruncate");
    const mapped reserve(8 * gibibyte / page);
    const mapped shared(64 * mebibyte / page, MAP_SHARED | MAP_ANONYMOUS);
    const file_mapping file(fd, 0, 256 * mebibyte / page);
    const mapped work(128 * mebibyte / page);
    const child_process child([&] {
        for (std::size_t i = 0; i < work.size() / page; ++i) work.write(i);
        reserve.write(1000);
        file.data[5 * page] = 'X';
    });
    const test::stopped at_rest(child.id());
    const auto rss = status_of(child.id(), "VmRSS");
    const auto pte = status_of(child.id(), "VmPTE");
    region_options options;
    options.chunk_size = 4 * mebibyte;
    // But what a sanitizer has reserved: a walk through that takes a minute.
    options.wanted = [](const vmio::mapping& m) { return m.range.size() <= 16 * gibibyte; };
    std::uint64_t walked = 0;
    for (region_reader reader(process(child.id()), options); reader.next();) walked += reader.fetch().size();
    BOOST_TEST(walked > 8 * gibibyte + 400 * mebibyte);
    BOOST_TEST_MESSAGE("VmRSS " << rss << " -> " << status_of(child.id(), "VmRSS") << " kB, VmPTE " << pte << " -> "
                                << status_of(child.id(), "VmPTE") << " kB");
    BOOST_TEST(status_of(child.id(), "VmRSS") <= rss + rss / 100);
    BOOST_TEST(status_of(child.id(), "VmPTE") <= pte + pte / 100);
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(our_own_memory_stays_within_the_budget) {
    const mapped memory(4 * gibibyte / page);
    const child_process child([&] {
        for (std::size_t i = 0; i < memory.size() / page; i += 8) memory.write(i, 'x');
        std::memset(memory.data(), 'y', 64 * mebibyte);  // and some that is dense
    });
    region_options options;
    options.within = memory.range();
    options.chunk_size = 16 * mebibyte;
    options.overlap = 100;
    region_reader reader(process(child.id()), options);
    {
        std::ofstream clear("/proc/self/clear_refs");
        clear << 5;  // VmHWM begins anew
    }
    const std::size_t before = status_of(::getpid(), "VmRSS");
    std::size_t found = 0;
    while (reader.next()) {
        const auto bytes = reader.fetch();
        for (std::size_t at = bytes.size() % page; at < bytes.size(); at += page) found += bytes[at] != std::byte(0);
    }
    BOOST_TEST(found == (memory.size() - 64 * mebibyte) / page / 8 + 64 * mebibyte / page);
    const std::size_t peak = status_of(::getpid(), "VmHWM");
    BOOST_TEST_MESSAGE("VmRSS " << before << " kB, at most " << peak << " kB");
    const std::size_t budget = 16 * mebibyte + 100 + 1024 * 1024;
    BOOST_TEST(peak <= before + (budget + test::shadow_of(budget)) / 1024);
}

// What the kernel's own core files and gcore have.
BOOST_AUTO_TEST_CASE(a_walk_reads_protected_memory_if_the_options_say_so) {
    test::pages some(4);
    some.protect(1, PROT_NONE);
    some.protect(2, PROT_WRITE);
    some.protect(3, PROT_EXEC);
    const mapped untouched(1000);
    must(::mprotect(untouched.data(), untouched.size(), PROT_NONE) == 0, "mprotect");
    const child_process child;
    const process target(child.id());
    for (const std::size_t chunk : {std::size_t{0}, page}) {
        auto options = test::in(some.range(), chunk);
        std::vector<std::byte> bytes;
        const auto walk = [&] {
            bytes.clear();
            for (region_reader reader(target, options); reader.next();) {
                const auto part = reader.fetch();
                bytes.insert(bytes.end(), part.begin(), part.end());
                BOOST_TEST(reader.gaps().empty());
            }
        };
        walk();
        BOOST_TEST(bytes.size() == page);
        options.read_protected = true;
        walk();
        BOOST_TEST((bytes.size() == 4 * page && test::is_pattern(some.start(), bytes)));
        options.wanted = [](const vmio::mapping& m) { return !m.perms.read; };
        walk();
        BOOST_TEST((bytes.size() == 3 * page && test::is_pattern(some.page(1), bytes)));
    }
    // What was never touched is still zero without a look at it.
    auto options = test::in(untouched.range());
    options.read_protected = true;
    region_reader reader(target, options);
    BOOST_REQUIRE(reader.next());
    BOOST_TEST((reader.fetch().size() == untouched.size() && reader.untouched().size() == 1U));

    const vmio::process_memory memory{target};
    vmio::search_options where;
    where.regions.within = some.range();
    const vmio::byte_pattern wanted(some.bytes().first(page));
    BOOST_TEST(vmio::search(memory, wanted, where) == std::vector<address>{some.start()});
    std::vector<std::byte> expected(page);
    for (std::size_t i = 0; i < page; ++i) expected[i] = test::pattern(some.page(2) + i);
    BOOST_TEST(vmio::search(memory, vmio::byte_pattern(expected), where).empty());
    where.regions.read_protected = true;
    BOOST_TEST(vmio::search(memory, vmio::byte_pattern(expected), where) == std::vector<address>{some.page(2)});

    vmio::capture_options kept;
    kept.ranges = {some.range()};
    BOOST_TEST(!vmio::process_snapshot::capture(target, kept).gaps().empty());
    kept.regions.read_protected = true;
    const auto captured = vmio::process_snapshot::capture(target, kept);
    BOOST_TEST(captured.gaps().empty());
    std::vector<std::byte> bytes(some.size());
    captured.read(some.start(), bytes);
    BOOST_TEST(test::is_pattern(some.start(), bytes));
}

BOOST_AUTO_TEST_CASE(protected_pages_that_are_not_present_stay_so) {
    const directory here;
    const int fd = make_file(here / "file", 3);
    const file_mapping some(fd, 0, 3);
    some.data[page] = 'X';
    must(::mprotect(some.data, some.size, PROT_NONE) == 0, "mprotect");
    const child_process child;
    const process target(child.id());
    region_options options;
    options.read_protected = true;
    BOOST_TEST(letters(target, some.range(), options) == "aXc");
    options.use_backing_files = false;
    BOOST_TEST(letters(target, some.range(), options) == "!X!");
    const auto present = scan_pages(target, some.range(), vmio::page_state::present);
    BOOST_REQUIRE(present.size() == 1u);
    BOOST_TEST(present.front().range.size() == page);
    options.within = some.range();
    region_reader reader(target, options);
    BOOST_REQUIRE(reader.next());
    reader.fetch();
    for (const memory_gap& gap : reader.memory_gaps()) BOOST_TEST((gap.reason == gap_reason::no_permission));
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_regular_file_below_dev_is_memory, *boost::unit_test::precondition(test::as_root)) {
    const std::string path = "/dev/vmio-test-" + std::to_string(::getpid());
    const int fd = make_file(path, 3);
    const file_mapping changed(fd, 0, 3);
    const file_mapping shared(fd, 0, 3, MAP_SHARED);
    changed.data[page] = 'X';
    const child_process child;
    BOOST_TEST(letters(process(child.id()), changed.range()) == "aXc");
    BOOST_TEST(letters(process(child.id()), shared.range()) == "abc");
    // Without the right to follow /proc/PID/map_files, by its path.
    BOOST_TEST(test::as_nobody([&] {
                   const file_mapping mine(fd, 0, 3);
                   return letters(process::self(), mine.range()) == "abc" ? 0 : 1;
               }) == 0);
    must(::unlink(path.c_str()) == 0, "unlink");
    BOOST_TEST(letters(process(child.id()), changed.range()) == "aXc");
    ::close(fd);
}

// A device of a container has any name, seen from outside.
BOOST_AUTO_TEST_CASE(a_device_outside_of_dev_is_skipped, *boost::unit_test::precondition(test::as_root)) {
    const directory place;
    const std::string path = place / "odd";
    if (::mknod(path.c_str(), S_IFCHR | 0600, ::makedev(1, 1)) != 0)
        return BOOST_TEST_MESSAGE("no device can be made here"), void();
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    void* const p = fd < 0 ? MAP_FAILED : ::mmap(nullptr, page, PROT_READ, MAP_SHARED, fd, 0xf0000);
    if (p == MAP_FAILED) return BOOST_TEST_MESSAGE("no device can be mapped here"), void();
    const auto range = address_range::of_size(vmio::address_of(p), page);
    BOOST_TEST(letters(process::self(), range) == "");
    ::munmap(p, page);
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(devices_and_kernel_mappings_are_skipped) {
    const auto named = [](const char* name) {
        vmio::mapping m;
        m.perms.read = true;
        m.name = name;
        return m;
    };
    for (const char* name :
         {"", "[heap]", "[vdso]", "/usr/lib/x.so", "/dev/shm/x", "/dev/zero", "/sys/kernel/btf/vmlinux"})
        BOOST_TEST(vmio::detail::is_region(named(name)));
    for (const char* name : {"[vvar]", "[vvar_vclock]", "[vsyscall]", "/dev/mem", "/dev/dri/card0",
                             "/sys/devices/pci0000:00/0000:00:02.0/resource0", "/proc/bus/pci/00/02.0"})
        BOOST_TEST(!vmio::detail::is_region(named(name)));
    BOOST_TEST(!vmio::detail::is_region(vmio::mapping{}));
}
