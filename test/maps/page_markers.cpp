// SPDX-License-Identifier: BSL-1.0
/// Entries of the page tables that look swapped and hold nothing: the markers of userfaultfd(2).
#include <vmio/page_map.hpp>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <boost/test/unit_test.hpp>

#include <vmio/process_snapshot.hpp>

#include "proc/page_runs.hpp"
#include "proc/pagemap_walk.hpp"
#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/page_picture.hpp"
#include "support/skip.hpp"

using vmio::address_range;
using vmio::page_run;
using vmio::page_state;
using vmio::process;
using vmio::scan_pages;

namespace {

const std::size_t page = vmio::page_size();

/// A userfaultfd of this process; the headers of the C library may be older than the kernel.
class fault_descriptor {
public:
    fault_descriptor() : fd_(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK))) {
        constexpr std::uint64_t write_protect_untouched = 1 << 13;
        constexpr std::uint64_t poison = 1 << 14;
        constexpr std::uint64_t asynchronous = 1 << 15;
        ::uffdio_api api{};
        api.api = UFFD_API;
        api.features = write_protect_untouched | poison | asynchronous;
        good_ = fd_ >= 0 && ::ioctl(fd_, UFFDIO_API, &api) == 0;
    }
    fault_descriptor(const fault_descriptor&) = delete;
    fault_descriptor& operator=(const fault_descriptor&) = delete;
    ~fault_descriptor() { ::close(fd_); }

    bool write_protect(const address_range& range) const {
        ::uffdio_register all{};
        all.range = {range.start(), range.size()};
        all.mode = UFFDIO_REGISTER_MODE_WP;
        ::uffdio_writeprotect protect{};
        protect.range = all.range;
        protect.mode = UFFDIO_WRITEPROTECT_MODE_WP;
        return good_ && ::ioctl(fd_, UFFDIO_REGISTER, &all) == 0 && ::ioctl(fd_, UFFDIO_WRITEPROTECT, &protect) == 0;
    }

    bool poison(const address_range& range) const {
        struct request {
            ::uffdio_range range;
            std::uint64_t mode;
            std::int64_t updated;
        } request{{range.start(), range.size()}, 0, 0};
        ::uffdio_register all{};
        all.range = request.range;
        all.mode = UFFDIO_REGISTER_MODE_MISSING;
        return good_ && ::ioctl(fd_, UFFDIO_REGISTER, &all) == 0 &&
               ::ioctl(fd_, _IOWR(0xAA, 0x08, struct request), &request) == 0;
    }

private:
    int fd_;
    bool good_ = false;
};

boost::test_tools::assertion_result has_markers(boost::unit_test::test_unit_id) {
    const test::mapped some(1);
    const test::mapped other(1);
    const fault_descriptor faults;
    return test::unless_missing(::geteuid() == 0 && faults.write_protect(some.range()) && faults.poison(other.range()),
                                "root, and userfaultfd with write protection of untouched pages (Linux 6.7)");
}

/// Marks pages of `some`: all but the last 8 are write-protected, 4 of those 8 poisoned. Of the first, 3 were written.
void mark(const test::mapped& some, const fault_descriptor& faults) {
    const std::size_t first = some.size() / page - 8;
    for (const std::size_t i : {8, 9, 20}) some.write(i, 'x');
    test::must(faults.write_protect({some.start(), some.page(first)}), "write protection");
    test::must(faults.poison({some.page(first), some.page(first + 4)}), "poison");
}

/// The run of pages from `first` on, `count` of them.
page_run run(const test::mapped& some, std::size_t first, std::size_t count, page_state state) {
    return {address_range::of_size(some.page(first), count * page), state};
}

}  // namespace

BOOST_AUTO_TEST_CASE(write_protected_and_never_touched_pages_are_absent, *boost::unit_test::precondition(has_markers)) {
    const test::mapped some(72);
    const test::child_process child([&] { mark(some, *new fault_descriptor); });
    const process target(child.id());
    BOOST_TEST(scan_pages(target, some.range(), page_state::changed) ==
                   (std::vector{run(some, 8, 2, page_state::changed), run(some, 20, 1, page_state::changed)}),
               boost::test_tools::per_element());
    BOOST_TEST(scan_pages(target, some.range(), page_state::swapped).empty());
    BOOST_TEST(
        scan_pages(target, some.range(), page_state::poisoned) == (std::vector{run(some, 64, 4, page_state::poisoned)}),
        boost::test_tools::per_element());
    BOOST_TEST(scan_pages(target, some.range(), page_state::absent) ==
                   (std::vector{run(some, 0, 8, page_state::absent), run(some, 10, 10, page_state::absent),
                                run(some, 21, 43, page_state::absent), run(some, 68, 4, page_state::absent)}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(entries_say_the_same_of_markers_as_the_ioctl, *boost::unit_test::precondition(has_markers)) {
    const test::mapped some(72);
    const test::child_process child([&] { mark(some, *new fault_descriptor); });
    const process target(child.id());
    const std::vector<page_run> by_scan = scan_pages(target, some.range(), page_state::changed | page_state::poisoned);
    const std::string path = "/proc/" + std::to_string(child.id()) + "/pagemap";
    const int pagemap = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    std::vector<page_run> by_entries;
    vmio::detail::page_runs runs(
        page_state::changed | page_state::poisoned, some.start(),
        [](void* all, const page_run& r) {
            static_cast<std::vector<page_run>*>(all)->push_back(r);
            return true;
        },
        &by_entries);
    vmio::address at = some.start();
    std::error_code ec;
    BOOST_TEST((vmio::detail::walk_by_entries(pagemap, target.maps(), at, some.range().end(), runs, ec) ==
                vmio::detail::walk_result::over));
    runs.finish(some.range().end());
    ::close(pagemap);
    BOOST_TEST(by_entries == by_scan, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_capture_leaves_untouched_pages_untouched_and_finds_poisoned_ones,
                     *boost::unit_test::precondition(has_markers)) {
    const test::mapped some(72);
    const test::child_process child([&] { mark(some, *new fault_descriptor); });
    const process target(child.id());
    const std::vector<page_run> before = scan_pages(target, some.range(), page_state::present);
    vmio::capture_options options;
    options.regions.within = some.range();
    const auto frozen = vmio::process_snapshot::capture(target, options);
    BOOST_TEST(scan_pages(target, some.range(), page_state::present) == before, boost::test_tools::per_element());
    std::vector<std::byte> bytes(64 * page);
    frozen.read(some.start(), bytes);
    BOOST_TEST((bytes[8 * page] == std::byte('x')));
    BOOST_TEST((bytes[30 * page] == std::byte(0)));
    BOOST_REQUIRE(frozen.gaps().size() == 1u);
    BOOST_TEST((frozen.gaps()[0] == vmio::memory_gap{{some.page(64), some.page(68)}, vmio::gap_reason::input_output}));
}
