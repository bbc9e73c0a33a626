// SPDX-License-Identifier: BSL-1.0
/// A system call refused by a real seccomp filter is reported with its errno, and nothing is left half done.
#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/file_error.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/snapshot.hpp>

#include "faults/seccomp.hpp"
#include "processes/child.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"
#include "support/pages.hpp"
#include "support/skip.hpp"
#include "support/snapshots.hpp"

using test::equal;
using test::error_of;
using test::pattern_bytes;
using vmio::process;
using vmio::process_snapshot;
using vmio::snapshot;

namespace {

const std::size_t page = vmio::page_size();

/// The same in a process of its own where these calls fail with `error`.
template <class Attempt>
int error_where(std::initializer_list<long> calls, int error, Attempt&& attempt) {
    return test::in_a_process([&] {
        test::forbid(calls, error);
        return error_of(attempt);
    });
}

std::size_t files_in(const test::directory& place) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(place.path())) ++count;
    return count;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_snapshot_that_cannot_be_sealed_is_none) {
    const auto bytes = pattern_bytes(page);
    for (const int error : {EPERM, EBUSY})
        BOOST_TEST(test::in_a_process([&] {
                       test::forbid_with(SYS_fcntl, 1, F_ADD_SEALS & ~0xf, error);
                       return error_of([&] { snapshot::from_bytes(bytes); });
                   }) == error);
}

BOOST_AUTO_TEST_CASE(a_mutable_view_that_cannot_be_kept_safe_is_none_and_the_next_one_may_be) {
    snapshot s = snapshot::from_bytes(pattern_bytes(3 * page));
    for (const int error : {EPERM, EINVAL})
        BOOST_TEST(test::in_a_process([&] {
                       test::forbid_with(SYS_fcntl, 1, F_ADD_SEALS & ~0xf, error);
                       return error_of([&] { s.view_mutable(); });
                   }) == error);
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid({SYS_madvise}, EPERM);
                   if (error_of([&] { s.view_mutable(); }) != EPERM) return 1;
                   if (error_of([&] { s.view_mutable(); }) != EPERM) return 2;  // not EBUSY
                   return equal(test::bytes_of(s), pattern_bytes(3 * page)) ? 0 : 3;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_protection_that_is_refused_is_told_with_its_place) {
    const snapshot s = snapshot::zeroed(4 * page);
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid({SYS_mprotect}, EACCES);
                   vmio::cow_view own = s.view();
                   try {
                       own.protect(2 * page, page, vmio::protection::read);
                   } catch (const vmio::memory_error& e) {
                       return e.code().value() == EACCES && e.where() == test::address_of(own.data()) + 2 * page ? 0
                                                                                                                 : 1;
                   }
                   return 2;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_view_is_restored_though_its_pages_cannot_be_dropped) {
    const auto bytes = pattern_bytes(1024 * page);
    const snapshot s = snapshot::from_bytes(bytes);
    vmio::cow_view view = s.view();
    const auto change_all = [&] {
        for (std::byte& b : view.bytes()) b = ~b;
    };
    BOOST_TEST(test::in_a_process([&] {
                   change_all();
                   test::forbid({SYS_madvise}, EINVAL);
                   view.restore();
                   return equal(view.bytes(), bytes) ? 0 : 1;
               }) == 0);
    change_all();
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid({SYS_madvise}, EPERM);
                   test::forbid_with(SYS_mmap, 3, MAP_FIXED, EPERM);
                   return error_of([&] { view.restore(); });
               }) == EPERM);
}

BOOST_AUTO_TEST_CASE(a_view_that_cannot_follow_its_snapshot_stays_as_it_is) {
    snapshot s = snapshot::from_bytes(pattern_bytes(4 * page));
    vmio::cow_view view = s.view();
    s.view_mutable()[0] = std::byte{77};
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid_with(SYS_mmap, 3, MAP_FIXED, EPERM);
                   if (error_of([&] { view.restore(); }) != EPERM) return 1;
                   return equal(view.bytes(), pattern_bytes(4 * page)) ? 0 : 2;
               }) == 0);
    view.restore();
    BOOST_TEST((view[0] == std::byte{77}));
}

BOOST_AUTO_TEST_CASE(a_snapshot_that_cannot_be_read_says_so) {
    const snapshot s = snapshot::from_bytes(pattern_bytes(2 * page));
    vmio::cow_view view = s.view();
    view[0] = std::byte{0xee};
    view.protect(0, page, vmio::protection::none);
    BOOST_TEST(error_where({SYS_pread64}, EIO, [&] { view.take_snapshot(); }) == EIO);
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid({SYS_pread64}, EIO);
                   std::byte byte;
                   std::error_code ec;
                   return s.read_some(0, {&byte, 1}, ec) == 0 ? ec.value() : 0;
               }) == EIO);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_copied_makes_no_snapshot) {
    const test::directory place;
    test::write_file(place / "file", pattern_bytes(page));
    BOOST_TEST(error_where({SYS_sendfile}, EIO, [&] { snapshot::from_file(place / "file"); }) == EIO);
    BOOST_TEST(error_where({SYS_sendfile}, ENOSYS, [&] {
                   if (!equal(test::bytes_of(snapshot::from_file(place / "file")), pattern_bytes(page)))
                       throw std::system_error(ENOMSG, std::system_category());
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_failed_save_leaves_the_old_file) {
    const test::directory place;
    test::write_file(place / "saved", pattern_bytes(10));
    vmio::capture_options options;
    options.ranges = {vmio::address_range{page, 2 * page}};
    options.pause = true;  // a core file is of a process whose threads are known
    const test::child_process child;
    const process_snapshot s = process_snapshot::capture(process(child.id()), options);
    BOOST_TEST(error_where({SYS_ftruncate}, EPERM, [&] { s.save_core(place / "saved"); }) == EPERM);
    BOOST_TEST(error_where({SYS_renameat}, EPERM, [&] { s.save(place / "saved"); }) == EPERM);
    BOOST_TEST(equal(test::read_file(place / "saved"), pattern_bytes(10)));
    BOOST_TEST(files_in(place) == 1u);
}

BOOST_AUTO_TEST_CASE(a_capture_that_finds_no_room_for_its_end_is_an_error) {
    test::pages memory(8);
    for (std::size_t i = page; i < memory.size(); ++i) memory.data()[i] = std::byte{0};  // written, and not stored
    const test::child_process child;
    vmio::capture_options options;
    options.ranges = {memory.range()};
    BOOST_TEST(test::in_a_process([&] {
                   rlimit before;
                   test::must(::getrlimit(RLIMIT_FSIZE, &before) == 0, "getrlimit");
                   std::signal(SIGXFSZ, SIG_IGN);
                   const rlimit small{2 * page, before.rlim_max};
                   test::must(::setrlimit(RLIMIT_FSIZE, &small) == 0, "setrlimit");
                   const int error = error_of([&] { process_snapshot::capture(process(child.id()), options); });
                   test::must(::setrlimit(RLIMIT_FSIZE, &before) == 0, "setrlimit");
                   return error;
               }) == EFBIG);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_taken_from_memory) {
    const test::directory place;
    const auto bytes = pattern_bytes(20 * page + 100);
    test::write_file(place / "file", bytes);
    const int fd = ::open((place / "file").c_str(), O_RDONLY | O_CLOEXEC);
    void* const p = ::mmap(nullptr, bytes.size(), PROT_READ, MAP_PRIVATE, fd, 0);
    test::must(p != MAP_FAILED, "mmap");
    ::close(fd);
    const test::child_process child;
    vmio::capture_options options;
    options.ranges = {vmio::address_range::of_size(test::address_of(p), 21 * page)};
    BOOST_TEST(test::in_a_process([&] {
                   const process target(child.id());
                   // Of the file, not of what is read of /proc: 8 KiB at a time at the most.
                   test::forbid_with(SYS_pread64, 2, ~16383u, EIO);
                   const process_snapshot s = process_snapshot::capture(target, options);
                   if (!s.gaps().empty()) return 1;
                   const vmio::cow_view view = s.view(options.ranges[0]);
                   if (!equal(view.bytes().first(bytes.size()), bytes)) return 2;
                   vmio::region_options regions;
                   regions.within = options.ranges[0];
                   vmio::region_reader reader(target, regions);
                   return reader.next() && equal(reader.fetch().first(bytes.size()), bytes) && !reader.next() ? 0 : 3;
               }) == 0);
    ::munmap(p, bytes.size());
}

BOOST_AUTO_TEST_CASE(page_states_that_cannot_be_read_either_way_are_an_error) {
    const test::pages memory(3);
    BOOST_TEST(test::in_a_process([&] {
                   const vmio::page_map own{process::self()};
                   test::forbid({SYS_ioctl}, ENOTTY);
                   if (own.scan(memory.range()).empty()) return 1;
                   test::forbid({SYS_pread64}, EIO);
                   return error_of([&] { own.scan(memory.range()); });
               }) == EIO);
}

BOOST_AUTO_TEST_CASE(a_list_of_mappings_that_cannot_be_read_is_an_error) {
    BOOST_TEST(test::in_a_process([] {
                   test::forbid_with(SYS_read, 2, ~0x7fffu, EIO);  // in large pieces
                   return error_of([] { vmio::memory_map::load(process::self()); });
               }) == EIO);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_process_is_seen_in_proc_without_pidfds) {
    test::child_process child;
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid({SYS_pidfd_open}, ENOSYS);
                   const process target(child.id());
                   if (!target.alive()) return 1;
                   ::kill(child.id(), SIGKILL);
                   while (target.alive()) ::usleep(100);
                   return 0;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_capture_needs_its_rights_until_it_is_made, *boost::unit_test::precondition(test::as_root)) {
    const test::child_process child;
    const vmio::process_memory opened(process(child.id()), {.method = vmio::transfer_method::proc_mem});
    BOOST_TEST(test::as_nobody([&] { return error_of([&] { process_snapshot::capture(opened); }); }) == EACCES);
}
