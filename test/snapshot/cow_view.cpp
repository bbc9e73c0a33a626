// SPDX-License-Identifier: BSL-1.0
#include <vmio/cow_view.hpp>

#include <csignal>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <boost/test/unit_test.hpp>

#include <vmio/mutable_view.hpp>
#include <vmio/process_vm_stream.hpp>
#include <vmio/snapshot.hpp>

#include "faults/seccomp.hpp"
#include "processes/child.hpp"
#include "support/pages.hpp"
#include "support/resources.hpp"
#include "support/skip.hpp"
#include "support/snapshots.hpp"

using test::bytes_of;
using test::equal;
using test::pattern_bytes;
using vmio::change;
using vmio::changed_run;
using vmio::cow_view;
using vmio::protection;
using vmio::snapshot;
using runs = std::vector<changed_run>;

namespace {

template <class View>
concept gives_its_bytes = requires(View&& view) {
    std::forward<View>(view).bytes();
};
template <class View>
concept gives_its_data = requires(View&& view) {
    std::forward<View>(view).data();
};
static_assert(gives_its_bytes<cow_view&> && gives_its_bytes<const cow_view&> && gives_its_data<const cow_view&>);
static_assert(!gives_its_bytes<cow_view> && !gives_its_bytes<const cow_view> && !gives_its_data<cow_view>);
static_assert(!gives_its_bytes<vmio::mutable_view> && !gives_its_data<vmio::mutable_view>);

const std::size_t page = vmio::page_size();

snapshot of_pattern(std::size_t size) {
    return snapshot::from_bytes(pattern_bytes(size));
}

/// Whether our own program may do that with the byte: its pages' protections as process_vm_readv(2) honours them.
bool readable(const cow_view& view, std::size_t offset) {
    std::byte byte;
    std::error_code ec;
    return vmio::process_memory(vmio::process::self()).read_some(view.range().start() + offset, {&byte, 1}, ec) == 1;
}
bool writable(const cow_view& view, std::size_t offset) {
    const std::byte byte{7};
    std::error_code ec;
    return vmio::process_memory(vmio::process::self()).write_some(view.range().start() + offset, {&byte, 1}, ec) == 1;
}

}  // namespace

BOOST_AUTO_TEST_CASE(changes_stay_in_the_view) {
    const snapshot s = of_pattern(3 * page);
    cow_view one = s.view();
    cow_view two = s.view();
    one[0] = std::byte{1};
    two[page] = std::byte{2};
    BOOST_TEST((one[0] == std::byte{1}));
    BOOST_TEST((one[page] == test::pattern(page)));
    BOOST_TEST((two[0] == test::pattern(0)));
    BOOST_TEST((two[page] == std::byte{2}));
    BOOST_TEST(equal(bytes_of(s), pattern_bytes(3 * page)));
}

BOOST_AUTO_TEST_CASE(a_view_outlives_its_snapshot_and_can_be_moved) {
    std::optional<snapshot> s = of_pattern(2 * page);
    cow_view view = s->view();
    s.reset();
    const std::byte* const where = view.data();
    view[5] = std::byte{1};
    cow_view moved = std::move(view);
    BOOST_TEST(moved.data() == where);
    BOOST_TEST(view.empty());  // NOLINT(bugprone-use-after-move)
    BOOST_TEST(view.range().empty());
    BOOST_TEST((view.data() == nullptr));
    BOOST_TEST((moved[5] == std::byte{1}));
    moved.restore();
    BOOST_TEST(equal(moved.bytes(), pattern_bytes(2 * page)));
    moved = of_pattern(page).view();
    BOOST_TEST(moved.size() == page);
    BOOST_TEST(test::resources::now().mappings == 1u);
}

BOOST_AUTO_TEST_CASE(restore_goes_back_and_keeps_the_address_however_much_was_changed) {
    constexpr std::size_t pages = 1024;
    const std::vector<std::byte> original = pattern_bytes(pages * page);
    const snapshot s = snapshot::from_bytes(original);
    cow_view view = s.view();
    const std::byte* const where = view.data();
    for (int round = 0; round < 3; ++round)
        for (const std::size_t changed : {0, 1, 16, 100, 144, 145, 400, 1024}) {
            for (std::size_t i = 0; i < changed; ++i) view[i * (pages / changed) * page + i] = std::byte{0x55};
            view.restore();
            BOOST_TEST(view.data() == where);
            BOOST_TEST(equal(view.bytes(), original));
            BOOST_TEST(view.changed() == runs());
        }
}

BOOST_AUTO_TEST_CASE(restore_is_right_when_each_time_other_pages_are_changed) {
    constexpr std::size_t pages = 2048;
    const std::vector<std::byte> original = pattern_bytes(pages * page);
    cow_view view = snapshot::from_bytes(original).view();
    std::size_t at = 1;
    for (int round = 0; round < 60; ++round) {
        for (int i = 0; i < 10 + 3 * round; ++i) view[(at = at * 5 % (pages - 1) + 1) * page] ^= std::byte{1};
        view.restore();
        BOOST_TEST(view.changed() == runs());
        BOOST_TEST(equal(view.bytes(), original));
    }
}

BOOST_AUTO_TEST_CASE(changed_pages_are_reported_exactly) {
    const snapshot s = of_pattern(10 * page + 100);
    cow_view view = s.view();
    BOOST_TEST(view.changed() == runs());
    for (std::size_t i = 0; i < view.size(); i += 64) BOOST_REQUIRE((view[i] == test::pattern(i)));
    BOOST_TEST(view.changed() == runs());  // reading changes nothing
    view[page - 1] = std::byte{1};
    view[page] = std::byte{1};
    view[4 * page + 17] = std::byte{1};
    view[10 * page + 99] = std::byte{1};
    BOOST_TEST(view.changed() == (runs{{0, 2 * page}, {4 * page, page}, {10 * page, 100}}),
               boost::test_tools::per_element());
    for (const changed_run& run : view.changed()) view.restore(run.offset, run.size);
    BOOST_TEST(view.changed() == runs());
    BOOST_TEST(equal(view.bytes(), pattern_bytes(10 * page + 100)));
}

BOOST_AUTO_TEST_CASE(a_page_written_with_what_it_held_counts_unless_bytes_are_compared) {
    cow_view view = of_pattern(4 * page).view();
    view[0] = std::byte{1};
    *const_cast<volatile std::byte*>(&view[page]) = test::pattern(page);
    BOOST_TEST(view.changed() == (runs{{0, 2 * page}}), boost::test_tools::per_element());
    BOOST_TEST(view.changed(change::different) == (runs{{0, page}}), boost::test_tools::per_element());
    view[0] = test::pattern(0);
    BOOST_TEST(view.changed(change::different) == runs());
}

BOOST_AUTO_TEST_CASE(pages_changed_again_after_a_restore_are_reported) {
    cow_view view = of_pattern(64 * page).view();
    for (int round = 0; round < 3; ++round) {
        view[3 * page] = std::byte{1};
        view[9 * page] = std::byte{1};
        view.restore();
        view[9 * page + 5] = std::byte{2};
        BOOST_TEST(view.changed() == (runs{{9 * page, page}}), boost::test_tools::per_element());
        view.restore();
    }
}

BOOST_AUTO_TEST_CASE(a_part_can_be_restored) {
    cow_view view = of_pattern(300 * page + 1).view();
    for (std::size_t i = 0; i <= 300; ++i) view[i * page] = std::byte{1};
    view.restore(page, page);              // few
    view.restore(100 * page, 100 * page);  // many
    view.restore(300 * page, 1);
    BOOST_TEST(view.changed() == (runs{{0, page}, {2 * page, 98 * page}, {200 * page, 100 * page}}),
               boost::test_tools::per_element());
    for (const std::size_t i : {std::size_t{1}, std::size_t{100}, std::size_t{199}, std::size_t{300}})
        BOOST_TEST((view[i * page] == test::pattern(i * page)));
    for (const std::size_t i : {std::size_t{0}, std::size_t{2}, std::size_t{99}, std::size_t{200}})
        BOOST_TEST((view[i * page] == std::byte{1}));
}

BOOST_AUTO_TEST_CASE(parts_that_are_not_pages_of_the_view_are_refused) {
    cow_view view = of_pattern(3 * page + 100).view();
    const std::size_t most = std::numeric_limits<std::size_t>::max();
    for (const auto& [offset, size] : {std::pair<std::size_t, std::size_t>{0, 0},
                                       {page, 0},
                                       {1, page},
                                       {0, 1},
                                       {page, page + 1},
                                       {0, 5 * page},
                                       {4 * page, page},
                                       {3 * page, 99},
                                       {3 * page, 101},
                                       {page, most},
                                       {most - page + 1, page},
                                       {most, 1}}) {
        BOOST_CHECK_THROW(view.protect(offset, size, protection::none), std::invalid_argument);
        BOOST_CHECK_THROW(view.restore(offset, size), std::invalid_argument);
    }
    view.protect(0, view.size(), protection::read);
    view.protect(3 * page, 100, protection::read_write);
    view.protect(3 * page, page, protection::read);  // the end of the view and of its last page are the same
}

BOOST_AUTO_TEST_CASE(a_part_can_be_protected_and_restore_undoes_it) {
    cow_view view = of_pattern(5 * page).view();
    view.protect(page, page, protection::none);
    view.protect(2 * page, page, protection::read);
    view.protect(3 * page, page, protection::read_execute);
    BOOST_TEST((readable(view, 0) && writable(view, 0)));
    BOOST_TEST((!readable(view, page) && !writable(view, page)));
    BOOST_TEST((readable(view, 2 * page) && !writable(view, 2 * page)));
    BOOST_TEST((readable(view, 3 * page) && !writable(view, 3 * page)));
    BOOST_TEST((readable(view, 4 * page) && writable(view, 4 * page)));
    view.restore(page, page);
    BOOST_TEST((readable(view, page) && writable(view, page)));
    BOOST_TEST(!writable(view, 2 * page));
    view.restore();
    for (std::size_t i = 0; i < 5; ++i) BOOST_TEST(writable(view, i * page));
}

BOOST_AUTO_TEST_CASE(a_forbidden_access_is_a_fault) {
    cow_view view = of_pattern(3 * page).view();
    view.protect(page, page, protection::none);
    view.protect(2 * page, page, protection::read);
    const auto touch = [&](auto&& access) {
        return test::in_a_process([&] {
            ::signal(SIGSEGV, SIG_DFL);
            access();
            return 0;
        });
    };
    const volatile std::byte* const bytes = view.data();
    BOOST_TEST(touch([&] { return bytes[page - 1]; }) == 0);
    BOOST_TEST(touch([&] { return bytes[page]; }) == 128 + SIGSEGV);
    BOOST_TEST(touch([&] { return bytes[2 * page]; }) == 0);
    BOOST_TEST(touch([&] { view[2 * page] = std::byte{1}; }) == 128 + SIGSEGV);
}

#ifdef __x86_64__
BOOST_AUTO_TEST_CASE(code_in_a_view_can_be_executed) {
    const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};  // mov eax, 42; ret
    cow_view view = snapshot::from_bytes(std::as_bytes(std::span(code))).view();
    view.protect(0, view.size(), protection::read_execute);
    BOOST_TEST(reinterpret_cast<int (*)()>(view.data())() == 42);
}
#endif

BOOST_AUTO_TEST_CASE(a_view_with_forbidden_pages_can_be_inspected) {
    for (const std::size_t changed : {std::size_t{3}, std::size_t{200}}) {  // a layer, and a file of its own
        const snapshot s = of_pattern(256 * page);
        cow_view view = s.view();
        std::vector<std::byte> expected = pattern_bytes(256 * page);
        for (std::size_t i = 0; i < changed; ++i) view[i * page] = expected[i * page] = std::byte{1};
        view.protect(page, 255 * page, protection::none);
        BOOST_TEST(view.changed() == (runs{{0, changed * page}}), boost::test_tools::per_element());
        BOOST_TEST(view.changed(change::different) == (runs{{0, changed * page}}), boost::test_tools::per_element());
        BOOST_TEST(equal(bytes_of(view.take_snapshot()), expected));
        BOOST_TEST(!readable(view, page));
        BOOST_TEST(equal(bytes_of(view.commit()), expected));
        BOOST_TEST(writable(view, page));
        view.protect(0, page, protection::none);
        view.restore();
        BOOST_TEST(equal(view.bytes(), expected));
    }
}

BOOST_AUTO_TEST_CASE(a_stream_over_a_view_honours_protections) {
    cow_view view = of_pattern(2 * page).view();
    view.protect(page, page, protection::none);
    vmio::process_vm_stream stream(vmio::process_memory(vmio::process::self()), view.range());
    stream.seekp(static_cast<std::streamoff>(page - 5));
    stream.write_value<int>(42);
    stream.flush();
    int value;
    std::memcpy(&value, &view[page - 5], sizeof value);
    BOOST_TEST(value == 42);
    stream.seekg(static_cast<std::streamoff>(page));
    BOOST_TEST(stream.get() == EOF);
    BOOST_TEST(stream.last_error().value() == EFAULT);
}

BOOST_AUTO_TEST_CASE(ten_thousand_restores_leak_nothing) {
    cow_view view = of_pattern(64 * page).view();
    const auto rounds = [&](std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            for (std::size_t k = 0; k < i % 50; ++k) view[(i + k * 3) % 64 * page] = static_cast<std::byte>(i);
            if (i % 5 == 0) view.protect(i % 64 * page, page, protection::read_write_execute);
            if (i % 7 == 0) view.restore((i + 3) % 64 * page, page);
            view.restore();
        }
    };
    rounds(3000);
    const test::resources before = test::resources::now();
    rounds(10000);
    BOOST_TEST(test::resources::now() == before);
    BOOST_TEST(equal(view.bytes(), pattern_bytes(64 * page)));
}

BOOST_AUTO_TEST_CASE(locked_pages_are_restored_too_and_stay_locked) {
    BOOST_TEST(test::in_a_process([] {
                   constexpr std::size_t pages = 1024;
                   cow_view view = of_pattern(pages * page).view();
                   test::must(::syscall(SYS_mlock, view.data(), view.size()) == 0, "mlock");  // sanitizers fake mlock()
                   for (std::size_t i = 0; i < pages; ++i) view[i * page] = std::byte{1};
                   view.restore();
                   if (!equal(view.bytes(), pattern_bytes(pages * page))) return 1;
                   // In a lock there is no page that msync(2) may drop.
                   return ::msync(view.data(), view.size(), MS_INVALIDATE) == -1 && errno == EBUSY ? 0 : 2;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(locked_pages_stay_locked_on_kernels_that_drop_no_locked_memory) {
    for (const bool live : {false, true})
        BOOST_TEST(test::in_a_process([live] {
                       constexpr std::size_t pages = 1024;
                       test::forbid_if(SYS_madvise, 2, BPF_JEQ, 24 /* MADV_DONTNEED_LOCKED */, EINVAL);
                       vmio::snapshot original = of_pattern(pages * page);
                       std::optional<vmio::mutable_view> writer;
                       if (live) writer.emplace(original.view_mutable());
                       cow_view view = original.view();
                       const auto is_locked = [&](std::size_t first, std::size_t count) {
                           return ::msync(view.data() + first * page, count * page, MS_INVALIDATE) == -1;
                       };
                       // Two parts of three.
                       for (const std::size_t first : {std::size_t{0}, std::size_t{700}})
                           test::must(::syscall(SYS_mlock, view.data() + first * page, 300 * page) == 0, "mlock");
                       for (int round = 0; round < 2; ++round) {
                           for (std::size_t i = 0; i < pages; ++i) view[i * page] = std::byte{1};
                           view.restore();
                           if (!equal(view.bytes(), pattern_bytes(pages * page))) return 1;
                           if (!is_locked(0, 1) || !is_locked(299, 1) || !is_locked(700, 1) || !is_locked(999, 1))
                               return 2;
                           if (is_locked(300, 400) || is_locked(1000, 24)) return 3;
                       }
                       return 0;
                   }) == 0);
}

BOOST_AUTO_TEST_CASE(a_view_works_where_the_page_map_can_only_be_read) {
    BOOST_TEST(test::in_a_process([] {
                   test::forbid({SYS_ioctl}, ENOTTY);
                   cow_view view = of_pattern(100 * page).view();
                   view[7 * page] = std::byte{1};
                   view[8 * page] = std::byte{1};
                   view[99 * page] = std::byte{1};
                   if (view.changed() != runs{{7 * page, 2 * page}, {99 * page, page}}) return 1;
                   if (view.take_snapshot().view()[7 * page] != std::byte{1}) return 2;
                   view.restore();
                   return view.changed().empty() && equal(view.bytes(), pattern_bytes(100 * page)) ? 0 : 3;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_view_works_without_proc, *boost::unit_test::precondition(test::as_root)) {
    BOOST_TEST(test::in_a_process([] {
                   test::must(::unshare(CLONE_NEWNS) == 0, "unshare");
                   test::must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private");
                   test::must(::umount2("/proc", MNT_DETACH) == 0, "umount");
                   if (::access("/proc/self", F_OK) == 0) return 10;
                   cow_view view = of_pattern(100 * page).view();
                   if (!view.changed().empty()) return 1;
                   view[7 * page] = std::byte{1};
                   if (view.changed() != runs{{7 * page, page}}) return 2;
                   if (view.take_snapshot().view()[7 * page] != std::byte{1}) return 3;
                   view.restore();
                   return view.changed().empty() && equal(view.bytes(), pattern_bytes(100 * page)) ? 0 : 4;
               }) == 0);
}
