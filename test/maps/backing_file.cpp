// SPDX-License-Identifier: BSL-1.0
#include <vmio/backing_file.hpp>

#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/memory.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/query_mapping.hpp>

#include "processes/child.hpp"
#include "support/directory.hpp"
#include "support/refusal_prints.hpp"
#include "support/skip.hpp"

using test::child_process;
using test::directory;
using test::must;
using vmio::backing_file;
using vmio::file_refusal;
using vmio::mapping;
using vmio::memory_map;
using vmio::process;

static_assert(vmio::memory_reader<backing_file>);

namespace {

const std::size_t page = vmio::page_size();

void write_file(const std::string& path, const std::string& text, std::size_t size) {
    std::ofstream file(path, std::ios::binary);
    file << text << std::string(size - text.size(), '.');
}

/// Maps the second and third page of a file.
struct mapped_file {
    explicit mapped_file(const std::string& path) {
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        must(fd >= 0, "open");
        data = ::mmap(nullptr, 2 * page, PROT_READ, MAP_PRIVATE, fd, static_cast<off_t>(page));
        must(data != MAP_FAILED, "mmap");
        ::close(fd);
    }
    mapped_file(const mapped_file&) = delete;
    mapped_file& operator=(const mapped_file&) = delete;
    ~mapped_file() { ::munmap(data, 2 * page); }

    mapping in(const process& target) const {
        const memory_map map = memory_map::load(target);
        const mapping* const m = map.find(vmio::address_of(data));
        must(m != nullptr, "find");
        return *m;
    }

    void* data;
};

std::string text_of(const backing_file& file, std::size_t size) {
    std::string text(size, '\0');
    std::error_code ec;
    text.resize(file.read_some(0, std::as_writable_bytes(std::span(text)), ec));
    return ec ? ec.message() : text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_file_of_a_mapping_is_opened) {
    const directory place;
    write_file(place / "file", "the text", 3 * page);
    const mapped_file m(place / "file");
    const backing_file file(process::self(), m.in(process::self()));
    BOOST_TEST(file.refusal() == file_refusal::none);
    BOOST_REQUIRE(static_cast<bool>(file));
    BOOST_TEST(text_of(file, 8) == "the text");
    BOOST_TEST(file.size() == 3 * page);
    BOOST_TEST((::fcntl(file.descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
    std::error_code ec;
    std::byte byte;
    BOOST_TEST(file.read_some(3 * page, std::span(&byte, 1), ec) == 0U);
    BOOST_TEST(ec.value() == EIO);
    const backing_file copy = file;
    BOOST_TEST(copy.descriptor() == file.descriptor());
}

BOOST_AUTO_TEST_CASE(offsets_that_no_file_has_lie_beyond_its_end) {
    const directory place;
    write_file(place / "file", "the text", 3 * page);
    const mapped_file m(place / "file");
    const backing_file file(process::self(), m.in(process::self()));
    for (const vmio::address offset : {vmio::address{1} << 63, ~vmio::address{0}, (vmio::address{1} << 63) - 1}) {
        std::error_code ec;
        std::byte byte;
        BOOST_TEST(file.read_some(offset, std::span(&byte, 1), ec) == 0U);
        BOOST_TEST(ec.value() == EIO);
        BOOST_TEST(file.next_data(offset) == file.size());
    }
}

BOOST_AUTO_TEST_CASE(a_file_is_found_by_its_path_without_privileges, *boost::unit_test::precondition(test::as_root)) {
    const directory place;
    write_file(place / "file", "the text", 3 * page);
    BOOST_TEST(test::as_nobody([&] {
                   const mapped_file m(place / "file");
                   const process self = process::self();
                   return text_of(backing_file(self, m.in(self)), 8) == "the text" ? 0 : 1;
               }) == 0);
    must(::chmod((place / "file").c_str(), 0600) == 0, "chmod");
    const mapped_file m(place / "file");
    BOOST_TEST(test::as_nobody([&] {
                   const process self = process::self();
                   return backing_file(self, m.in(self)).refusal() == file_refusal::no_permission ? 0 : 1;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_deleted_file_is_found_by_root_and_refused_to_others) {
    const directory place;
    write_file(place / "file", "the text", 3 * page);
    const mapped_file m(place / "file");
    must(::unlink((place / "file").c_str()) == 0, "unlink");
    const backing_file file(process::self(), m.in(process::self()));
    if (::geteuid() != 0) {
        BOOST_TEST(file.refusal() == file_refusal::not_found);
        return;
    }
    BOOST_TEST(text_of(file, 8) == "the text");
    BOOST_TEST(test::as_nobody([&] {
                   return backing_file(process::self(), m.in(process::self())).refusal() == file_refusal::not_found ? 0
                                                                                                                    : 1;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(another_file_of_that_name_is_refused) {
    const directory place;
    write_file(place / "file", "the text", 3 * page);
    const mapped_file m(place / "file");
    must(::rename((place / "file").c_str(), (place / "elsewhere").c_str()) == 0, "rename");
    write_file(place / "file", "a decoy", 3 * page);
    must(::chmod((place / "file").c_str(), 0644) == 0, "chmod");
    mapping mine = m.in(process::self());
    mine.name = place / "file";
    if (::geteuid() == 0) {
        BOOST_TEST(text_of(backing_file(process::self(), mine), 8) == "the text");
        BOOST_TEST(test::as_nobody([&] {
                       return backing_file(process::self(), mine).refusal() == file_refusal::replaced ? 0 : 1;
                   }) == 0);
    } else {
        BOOST_TEST(backing_file(process::self(), mine).refusal() == file_refusal::replaced);
    }
}

BOOST_AUTO_TEST_CASE(a_file_of_that_number_on_another_device_is_refused,
                     *boost::unit_test::precondition(test::as_root)) {
    const directory place;
    write_file(place / "file", "a decoy", 3 * page);
    const mapped_file m(place / "file");
    mapping elsewhere = m.in(process::self());
    ++elsewhere.device_minor;
    BOOST_TEST(test::as_nobody([&] {
                   return backing_file(process::self(), elsewhere).refusal() == file_refusal::replaced ? 0 : 1;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_file_that_ends_before_the_mapping_is_refused) {
    const directory place;
    write_file(place / "file", "the text", 3 * page);
    const mapped_file m(place / "file");
    must(::truncate((place / "file").c_str(), static_cast<off_t>(page)) == 0, "truncate");
    BOOST_TEST(backing_file(process::self(), m.in(process::self())).refusal() == file_refusal::too_short);
    must(::truncate((place / "file").c_str(), static_cast<off_t>(page) + 1) == 0, "truncate");
    BOOST_TEST(backing_file(process::self(), m.in(process::self())).refusal() == file_refusal::none);
}

BOOST_AUTO_TEST_CASE(a_file_is_opened_also_after_our_main_thread_has_ended) {
    const directory place;
    write_file(place / "file", "the text", 3 * page);
    const mapped_file m(place / "file");
    const test::child_process child;
    BOOST_TEST(test::in_a_process([&] {
                   const process target(child.id());
                   const mapping mapped = m.in(target);
                   const bool fast = vmio::has_fast_mapping_query();
                   const std::string stat = "/proc/" + std::to_string(::getpid()) + "/stat";
                   std::thread([&] {
                       std::string text;
                       while (text.find(") Z ") == text.npos) std::getline(std::ifstream(stat), text);
                       test::leave(text_of(backing_file(target, mapped), 8) != "the text" ? 1
                                   : vmio::has_fast_mapping_query() != fast               ? 2
                                                                                          : 0);
                   }).detach();
                   return static_cast<int>(::syscall(SYS_exit, 0));
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_mapping_without_a_file_is_refused) {
    const memory_map map = memory_map::load(process::self());
    std::size_t seen = 0;
    for (const mapping& m : map)
        if (!m.file_backed()) {
            BOOST_TEST(backing_file(process::self(), m).refusal() == file_refusal::no_file);
            ++seen;
        }
    BOOST_TEST(seen > 0U);
}

BOOST_AUTO_TEST_CASE(every_refusal_has_a_description_of_its_own) {
    std::set<std::string> all;
    for (int i = 0; i <= static_cast<int>(file_refusal::may_stall); ++i)
        all.insert(vmio::description(static_cast<file_refusal>(i)));
    BOOST_TEST(all.size() == 9U);
    BOOST_TEST(all.count("unknown") == 0U);
    BOOST_TEST(vmio::description(static_cast<file_refusal>(99)) == std::string("unknown"));
}

BOOST_AUTO_TEST_CASE(a_device_is_refused_without_being_opened) {
    void* const p = ::mmap(nullptr, page, PROT_READ, MAP_PRIVATE, ::open("/dev/zero", O_RDONLY | O_CLOEXEC), 0);
    must(p != MAP_FAILED, "mmap");
    const memory_map map = memory_map::load(process::self());
    const mapping* const m = map.find(vmio::address_of(p));
    BOOST_REQUIRE(m != nullptr);
    BOOST_TEST(backing_file(process::self(), *m).refusal() == file_refusal::not_regular);
    ::munmap(p, page);
}

BOOST_AUTO_TEST_CASE(a_path_is_one_of_the_targets_own_root, *boost::unit_test::precondition(test::as_root)) {
    const directory place;
    must(::mkdir((place / "root").c_str(), 0755) == 0, "mkdir");
    write_file(place / "root/file", "the text", 3 * page);
    const child_process child([&] {
        must(::chroot((place / "root").c_str()) == 0 && ::chdir("/") == 0, "chroot");
        new mapped_file("/file");
    });
    const process target(child.id());
    const memory_map map = memory_map::load(target);
    for (const mapping& m : map)
        if (m.name.ends_with("/file")) {
            mapping theirs = m;
            theirs.name = "/file";
            theirs.range = {m.range.start(), m.range.start() + page};  // no such name in map_files
            BOOST_TEST(text_of(backing_file(target, theirs), 8) == "the text");
            return;
        }
    BOOST_FAIL("the child has not mapped it");
}

BOOST_AUTO_TEST_CASE(a_process_that_has_ended_is_an_error) {
    const directory place;
    write_file(place / "file", "the text", 3 * page);
    const mapped_file m(place / "file");
    child_process child;
    const process target(child.id());
    const mapping theirs = m.in(target);
    child.end();
    BOOST_CHECK_EXCEPTION(backing_file(target, theirs), vmio::memory_error,
                          [](const vmio::memory_error& e) { return e.code() == vmio::errc::no_such_process; });
}
