// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/address.hpp>

#include "processes/child.hpp"
#include "support/skip.hpp"

namespace test {

/// Somewhere to swap to while it exists: what the machine has, or else a small file, which takes root. One at a time on
/// a machine, or the end of one would bring back what another test has swapped.
class swap_area {
public:
    swap_area() : turn_(::open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        must(turn_ >= 0 && ::flock(turn_, LOCK_EX) == 0, "flock");
        std::ifstream areas("/proc/swaps");
        std::string line;
        std::getline(areas, line);  // the names of the columns
        there_ = static_cast<bool>(std::getline(areas, line)) || make();
    }
    swap_area(const swap_area&) = delete;
    swap_area& operator=(const swap_area&) = delete;
    ~swap_area() {
        if (!file_.empty()) ::swapoff(file_.c_str());
        if (!file_.empty()) ::unlink(file_.c_str());
        ::flock(turn_, LOCK_UN);  // also where a child still has it
        ::close(turn_);
    }

    bool there() const { return there_; }

private:
    bool make() {
        char name[] = "/var/tmp/vmio-swap-XXXXXX";
        const int fd = ::mkstemp(name);
        if (fd < 0) return false;
        file_ = name;
        // mkswap(8): a page that ends in the magic and says, at 1024, its version and the last page.
        constexpr std::uint32_t count = 1024;
        std::string page(vmio::page_size(), '\0');
        const std::array<std::uint32_t, 2> version_and_last{1, count - 1};
        std::memcpy(page.data() + 1024, version_and_last.data(), sizeof version_and_last);
        page.replace(page.size() - 10, 10, "SWAPSPACE2");
        bool written = true;
        for (std::uint32_t i = 0; i < count; ++i) {
            written = written && ::write(fd, page.data(), page.size()) == static_cast<ssize_t>(page.size());
            page.assign(page.size(), '\0');
        }
        ::close(fd);
        return written && ::swapon(name, 0) == 0;
    }

    int turn_;
    std::string file_;
    bool there_ = false;
};

/// MADV_PAGEOUT until all of these pages are swapped: one that another processor has just been given, or that somebody
/// holds for a moment, is passed by in silence.
inline void page_out(void* start, std::size_t size) {
    const std::size_t page = vmio::page_size();
    const int file = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    std::vector<std::uint64_t> entries(size / page);
    const auto place = static_cast<off_t>(vmio::address_of(start) / page * sizeof(std::uint64_t));
    const auto is_swapped = [](std::uint64_t entry) { return (entry >> 62 & 1) != 0; };
    bool done = false;
    for (int i = 0; i < 10000 && !done; ++i) {
        must(::madvise(start, size, 21 /* MADV_PAGEOUT */) == 0, "madvise");
        const auto bytes = static_cast<ssize_t>(entries.size() * sizeof(std::uint64_t));
        must(::pread(file, entries.data(), entries.size() * sizeof(std::uint64_t), place) == bytes, "pread");
        done = std::ranges::all_of(entries, is_swapped);
        if (!done) ::sched_yield();
    }
    must(done, "pages that are not swapped");
    ::close(file);
}

inline boost::test_tools::assertion_result can_swap(boost::unit_test::test_unit_id) {
    return unless_missing(swap_area().there(), "a swap area, or root and a file system that can hold one");
}

}  // namespace test
