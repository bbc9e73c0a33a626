// SPDX-License-Identifier: BSL-1.0
#include <vmio/snapshot.hpp>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/memory_stream.hpp>

#include "processes/child.hpp"
#include "support/files.hpp"
#include "support/pages.hpp"
#include "support/resources.hpp"
#include "support/snapshots.hpp"

using test::bytes_of;
using test::equal;
using test::pattern_bytes;
using vmio::cow_view;
using vmio::snapshot;

namespace {

const std::size_t page = vmio::page_size();

/// The descriptors of snapshots that this process has open.
std::vector<int> memory_files() {
    std::vector<int> found;
    for (int fd = 0; fd < 1024; ++fd) {
        std::error_code ec;
        const auto target = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), ec);
        if (!ec && target.string().starts_with("/memfd:vmio-snapshot")) found.push_back(fd);
    }
    return found;
}

/// 0 if a process that opens our descriptor by /proc cannot do anything to the bytes behind it.
int attack(pid_t victim, int fd) {
    const std::string path = "/proc/" + std::to_string(victim) + "/fd/" + std::to_string(fd);
    const int file = ::open(path.c_str(), O_RDWR);
    if (file < 0) return 1;
    const char byte = 'x';
    if (::pwrite(file, &byte, 1, 0) != -1) return 2;
    if (::ftruncate(file, 0) != -1 || ::ftruncate(file, 1 << 20) != -1) return 3;
    if (::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(page)) != -1) return 4;
    if (::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) != MAP_FAILED) return 5;
    void* const shared = ::mmap(nullptr, page, PROT_READ, MAP_SHARED, file, 0);
    if (shared != MAP_FAILED && ::mprotect(shared, page, PROT_READ | PROT_WRITE) != -1) return 6;
    return 0;
}

/// From now on this process can open so many more.
void leave_descriptors(int count) {
    const rlimit few{64, 64};
    test::must(::setrlimit(RLIMIT_NOFILE, &few) == 0, "setrlimit");
    std::vector<int> opened;
    for (int fd; (fd = ::open("/", O_RDONLY | O_CLOEXEC)) >= 0;) opened.push_back(fd);
    for (; count > 0; --count, opened.pop_back()) ::close(opened.back());
}

}  // namespace

BOOST_AUTO_TEST_CASE(zeros_take_no_memory) {
    const snapshot s = snapshot::zeroed(std::size_t{1} << 40);
    BOOST_TEST(s.size() == std::size_t{1} << 40);
    BOOST_TEST(s.memory_used() == 0u);
    std::vector<std::byte> some(3 * page, std::byte{1});
    std::error_code ec;
    BOOST_TEST(s.read_some(s.size() / 2, some, ec) == some.size());
    BOOST_TEST(test::all_equal(some, std::byte{0}));
    BOOST_TEST(s.memory_used() == 0u);
    cow_view view = s.view();
    view[s.size() - 1] = std::byte{7};
    BOOST_TEST((view[0] == std::byte{0}));
    BOOST_TEST((view[s.size() - 1] == std::byte{7}));
}

BOOST_AUTO_TEST_CASE(bytes_and_their_exact_number_are_kept) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, page - 1, page, page + 1, 5 * page + 123}) {
        const std::vector<std::byte> bytes = pattern_bytes(size);
        const snapshot s = snapshot::from_bytes(bytes);
        BOOST_TEST(s.size() == size);
        BOOST_TEST(s.empty() == (size == 0));
        BOOST_TEST(s.view().size() == size);
        const vmio::cow_view view = s.view();
        BOOST_TEST(view.bytes().size() == size);
        BOOST_TEST(equal(bytes_of(s), bytes));
    }
}

BOOST_AUTO_TEST_CASE(a_snapshot_does_not_follow_the_bytes_it_was_made_from) {
    std::vector<std::byte> bytes = pattern_bytes(2 * page);
    const snapshot s = snapshot::from_bytes(bytes);
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    BOOST_TEST(equal(bytes_of(s), pattern_bytes(2 * page)));
}

BOOST_AUTO_TEST_CASE(an_empty_snapshot_supports_every_operation) {
    test::directory directory;
    test::write_file(directory / "empty", {});
    snapshot::zeroed(0).save(directory / "saved");
    for (snapshot s : {snapshot::zeroed(0), snapshot::from_bytes({}), snapshot::from_file(directory / "empty"),
                       snapshot::load(directory / "saved"), snapshot::zeroed(0).clone(),
                       snapshot::zeroed(0).view().take_snapshot(), snapshot::zeroed(0).view().commit()}) {
        BOOST_TEST(s.empty());
        BOOST_TEST(s.memory_used() == 0u);
        cow_view view = s.view();
        BOOST_TEST(view.empty());
        BOOST_TEST(view.bytes().empty());
        BOOST_TEST(view.changed().empty());
        BOOST_TEST(view.changed(vmio::change::different).empty());
        view.restore();
        BOOST_CHECK_THROW(view.restore(0, 0), std::invalid_argument);
        BOOST_CHECK_THROW(view.protect(0, 0, vmio::protection::none), std::invalid_argument);
        vmio::mutable_view mutable_view = s.view_mutable();
        BOOST_TEST(mutable_view.empty());
        BOOST_TEST(mutable_view.take_snapshot().empty());
        std::byte byte;
        std::error_code ec;
        BOOST_TEST(s.read_some(0, {&byte, 1}, ec) == 0u);
        BOOST_TEST(ec.value() == EFAULT);
        BOOST_TEST(s.read_some(0, {}, ec) == 0u);
        BOOST_TEST(!ec);
    }
}

BOOST_AUTO_TEST_CASE(copies_share_and_one_that_was_moved_from_still_does) {
    snapshot a = snapshot::zeroed(page);
    snapshot b = a;
    snapshot c = std::move(b);
    a.view_mutable()[3] = std::byte{7};
    for (const snapshot& s : {a, b, c}) BOOST_TEST((s.view()[3] == std::byte{7}));
}

BOOST_AUTO_TEST_CASE(a_clone_is_independent) {
    snapshot original = snapshot::from_bytes(pattern_bytes(3 * page));
    snapshot clone = original.clone();
    original.view_mutable()[0] = std::byte{1};
    clone.view_mutable()[1] = std::byte{2};
    BOOST_TEST((original.view()[0] == std::byte{1}));
    BOOST_TEST((original.view()[1] == test::pattern(1)));
    BOOST_TEST((clone.view()[0] == test::pattern(0)));
    BOOST_TEST((clone.view()[1] == std::byte{2}));
}

BOOST_AUTO_TEST_CASE(a_clone_made_while_there_is_a_mutable_view_is_independent) {
    snapshot original = snapshot::zeroed(3 * page);
    vmio::mutable_view mutable_view = original.view_mutable();
    mutable_view[0] = std::byte{1};
    const snapshot clone = original.clone();
    mutable_view[0] = std::byte{2};
    mutable_view[2 * page] = std::byte{2};
    BOOST_TEST((clone.view()[0] == std::byte{1}));
    BOOST_TEST((clone.view()[2 * page] == std::byte{0}));
}

BOOST_AUTO_TEST_CASE(holes_stay_holes) {
    snapshot s = snapshot::zeroed(1024 * page);
    {
        vmio::mutable_view view = s.view_mutable();
        view[10 * page] = std::byte{1};
        view[1000 * page] = std::byte{2};
    }
    BOOST_TEST(s.memory_used() == 2 * page);
    test::directory directory;
    s.save(directory / "saved");
    BOOST_TEST(std::filesystem::file_size(directory / "saved") < 3 * page);
    snapshot clone = s.clone();
    clone.view_mutable()[0] = std::byte{3};  // which has to copy the present bytes
    BOOST_TEST(clone.memory_used() == 3 * page);
    BOOST_TEST(snapshot::load(directory / "saved").memory_used() == 2 * page);
    cow_view view = s.view();
    for (std::size_t i = 100; i < 300; ++i) view[i * page] = std::byte{4};
    const snapshot changed = view.take_snapshot();
    BOOST_TEST(changed.memory_used() <= 202 * page);
    BOOST_TEST((changed.view()[1000 * page] == std::byte{2}));
}

BOOST_AUTO_TEST_CASE(a_snapshot_holds_one_descriptor_which_exec_closes) {
    const test::resources before = test::resources::now();
    const snapshot s = snapshot::from_bytes(pattern_bytes(page));
    const snapshot copy = s;
    const snapshot clone = s.clone();
    const cow_view view = s.view();
    BOOST_TEST(view.data() == view.bytes().data());
    BOOST_TEST(!view.empty());
    BOOST_TEST((view[1] == view.bytes()[1]));
    const snapshot taken = view.take_snapshot();
    BOOST_TEST(test::resources::now().descriptors == before.descriptors + 1);
    for (const int fd : memory_files()) BOOST_TEST((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

BOOST_AUTO_TEST_CASE(a_holder_of_the_descriptor_cannot_change_the_snapshot) {
    snapshot s = snapshot::from_bytes(pattern_bytes(4 * page));
    const auto safe = [&] {
        for (const int fd : memory_files()) {
            const pid_t us = ::getpid();
            BOOST_TEST(test::in_a_process([&] { return attack(us, fd); }) == 0);
        }
    };
    cow_view view = s.view();
    safe();
    {
        vmio::mutable_view mutable_view = s.view_mutable();
        safe();
        // Nor can a child by what it inherits.
        BOOST_TEST(test::in_a_process([&] {
                       ::signal(SIGSEGV, SIG_DFL);
                       mutable_view[0] = std::byte{0};
                       return 0;
                   }) == 128 + SIGSEGV);
        BOOST_TEST((mutable_view[0] == test::pattern(0)));
        mutable_view[1] = std::byte{1};
    }
    safe();
    for (const int fd : memory_files()) BOOST_TEST((::fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE) != 0);
    const snapshot layered = [&] {
        view[page] = std::byte{0};
        return view.take_snapshot();
    }();
    safe();
    BOOST_TEST(equal(view.bytes().first(page), pattern_bytes(page)));
}

BOOST_AUTO_TEST_CASE(a_part_can_be_read_without_a_view) {
    const snapshot s = snapshot::from_bytes(pattern_bytes(2 * page + 100));
    std::vector<std::byte> bytes(200);
    std::error_code ec;
    BOOST_TEST(s.read_some(page - 100, bytes, ec) == 200u);
    BOOST_TEST(!ec);
    BOOST_TEST(test::is_pattern(page - 100, bytes));
    BOOST_TEST(s.read_some(2 * page + 60, bytes, ec) == 40u);  // up to the end
    BOOST_TEST(!ec);
    for (const vmio::address beyond : {vmio::address{2 * page + 100}, std::numeric_limits<vmio::address>::max()}) {
        BOOST_TEST(s.read_some(beyond, bytes, ec) == 0u);
        BOOST_TEST(ec.value() == EFAULT);
    }
}

BOOST_AUTO_TEST_CASE(every_part_of_a_layered_snapshot_is_read_right) {
    std::vector<std::byte> expected = pattern_bytes(6 * page + 10);
    cow_view view = snapshot::from_bytes(expected).view();
    for (const std::size_t changed : {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{6}})
        view[changed * page] = expected[changed * page] = std::byte{0xee};
    const snapshot s = view.take_snapshot();
    BOOST_TEST(equal(bytes_of(s), expected));
    const std::size_t edges[] = {
        0, 1, page - 1, page, page + 1, 2 * page, 3 * page, 5 * page + 7, 6 * page, 6 * page + 9, 6 * page + 10};
    for (const std::size_t from : edges)
        for (const std::size_t to : edges) {
            if (to <= from) continue;
            std::vector<std::byte> bytes(to - from);
            std::error_code ec;
            BOOST_TEST(s.read_some(from, bytes, ec) == bytes.size());
            BOOST_TEST(equal(bytes, std::span(expected).subspan(from, to - from)));
        }
    std::vector<std::byte> more(7 * page);
    std::error_code ec;
    BOOST_TEST(s.read_some(1, more, ec) == 6 * page + 9);
}

BOOST_AUTO_TEST_CASE(a_snapshot_is_a_memory_for_devices_and_streams) {
    static_assert(vmio::memory_reader<const snapshot>);
    std::vector<std::byte> bytes(2 * page, std::byte{'.'});
    std::memcpy(bytes.data() + page - 3, "frozen\n", 7);
    const snapshot s = snapshot::from_bytes(bytes);
    vmio::memory_istream<snapshot> stream(s, {0, s.size()});
    stream.seekg(static_cast<std::streamoff>(page - 3));
    std::string line;
    BOOST_TEST(static_cast<bool>(std::getline(stream, line)));
    BOOST_TEST(line == "frozen");
    vmio::memory_device<snapshot> whole(s, 3 * page);
    char byte;
    BOOST_CHECK_EXCEPTION(whole.read(&byte, 1), vmio::memory_error, [](const vmio::memory_error& e) {
        return e.code().value() == EFAULT && e.operation() == std::string("read of a snapshot");
    });
}

BOOST_AUTO_TEST_CASE(a_size_that_is_too_large_is_an_error) {
    BOOST_CHECK_EXCEPTION(snapshot::zeroed(std::numeric_limits<std::size_t>::max()), vmio::memory_error,
                          [](const vmio::memory_error& e) { return e.code().value() == EFBIG; });
    // It can be held, but not be mapped.
    const snapshot s = snapshot::zeroed(std::size_t{1} << 62);
    BOOST_CHECK_EXCEPTION(s.view(), vmio::memory_error,
                          [](const vmio::memory_error& e) { return e.code().value() == ENOMEM; });
}

BOOST_AUTO_TEST_CASE(bytes_that_cannot_be_read_are_an_error) {
    test::pages some(3);
    some.make_hole(1);
    BOOST_CHECK_EXCEPTION(snapshot::from_bytes(some.bytes()), vmio::memory_error,
                          [](const vmio::memory_error& e) { return e.code().value() == EFAULT; });
}

BOOST_AUTO_TEST_CASE(a_lack_of_descriptors_is_an_error_and_a_branch_needs_none) {
    BOOST_TEST(test::in_a_process([] {
                   const snapshot s = snapshot::from_bytes(pattern_bytes(64 * page));
                   leave_descriptors(1);  // for the page map
                   std::vector<snapshot> branches{s};
                   for (std::size_t i = 0; i < 64; ++i) {
                       cow_view view = branches.back().view();
                       view[i * page] = std::byte{1};
                       branches.push_back(view.take_snapshot());
                   }
                   for (std::size_t i = 0; i < 64; ++i)
                       if (branches.back().view()[i * page] != std::byte{1}) return 1;
                   leave_descriptors(0);
                   try {
                       snapshot::zeroed(page);
                   } catch (const vmio::memory_error& e) {
                       return e.code().value() == EMFILE ? 0 : 3;
                   }
                   return 4;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(many_threads_may_use_one_snapshot) {
    snapshot s = snapshot::from_bytes(pattern_bytes(8 * page));
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 200; ++i) {
                cow_view view = s.view();
                view[page + 1] = std::byte{1};
                const snapshot taken = view.take_snapshot();
                if (taken.view()[page + 1] != std::byte{1}) ++wrong;
                view.restore();
                std::byte byte;
                std::error_code ec;
                if (s.read_some(7 * page, {&byte, 1}, ec) != 1 || byte != test::pattern(7 * page)) ++wrong;
                if (t == 0) s.view_mutable()[0] = static_cast<std::byte>(i);
            }
        });
    for (std::thread& t : threads) t.join();
    BOOST_TEST(wrong == 0);
    BOOST_TEST((s.view()[0] == std::byte{199}));
}

BOOST_AUTO_TEST_CASE(a_child_of_fork_continues_with_its_own_snapshots) {
    snapshot s = snapshot::from_bytes(pattern_bytes(4 * page));
    cow_view view = s.view();
    view[0] = std::byte{1};
    BOOST_TEST(test::in_a_process([&] {
                   view[page] = std::byte{2};
                   if (view.changed() != std::vector<vmio::changed_run>{{0, 2 * page}}) return 1;
                   view.restore();
                   if (!equal(view.bytes(), pattern_bytes(4 * page))) return 2;
                   s.view_mutable()[3] = std::byte{3};
                   if (s.view()[3] != std::byte{3}) return 3;
                   return 0;
               }) == 0);
    BOOST_TEST(equal(bytes_of(s), pattern_bytes(4 * page)));
    BOOST_TEST((view[0] == std::byte{1}));
    BOOST_TEST((view[page] == test::pattern(page)));
}

BOOST_AUTO_TEST_CASE(a_child_of_fork_leaves_a_mutable_view_alone) {
    snapshot s = snapshot::from_bytes(pattern_bytes(4 * page));
    {
        vmio::mutable_view view = s.view_mutable();
        BOOST_TEST(test::in_a_process([&] {
                       const snapshot before = s.clone();
                       void* const ours = ::mmap(view.data(), page, PROT_READ | PROT_WRITE,
                                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
                       if (ours != view.data()) return 1;
                       { const vmio::mutable_view gone = std::move(view); }
                       *static_cast<char*>(ours) = 1;  // still there
                       s.view_mutable()[0] = std::byte{9};
                       return before.view()[0] == test::pattern(0) ? 0 : 2;
                   }) == 0);
        view[1] = std::byte{5};
    }
    BOOST_TEST((s.view()[0] == test::pattern(0)));
    BOOST_TEST((s.view()[1] == std::byte{5}));
}

BOOST_AUTO_TEST_CASE(a_thousand_branches_leak_nothing) {
    const std::vector<std::byte> bytes = pattern_bytes(256 * page);
    const auto branches = [&] {
        snapshot s = snapshot::from_bytes(bytes);
        std::vector<snapshot> kept;
        for (std::size_t i = 0; i < 1000; ++i) {
            cow_view view = s.view();
            for (std::size_t k = 0; k < i % 7; ++k) view[(i * 37 + k * 11) % 256 * page] = static_cast<std::byte>(i);
            s = i % 3 == 0 ? view.commit() : view.take_snapshot();
            if (i % 50 == 0) kept.push_back(s.clone());
            if (i % 100 == 0) s.view_mutable()[i] = std::byte{1};
        }
    };
    branches();
    const test::resources before = test::resources::now();
    branches();
    BOOST_TEST(test::resources::now() == before);
}
