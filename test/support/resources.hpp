// SPDX-License-Identifier: BSL-1.0
/// What this process holds, for tests that nothing leaks.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>

#include <malloc.h>

namespace test {

struct resources {
    std::size_t descriptors = 0;
    std::size_t mappings = 0;  // of snapshots
    std::size_t heap = 0;      // bytes; always 0 under a sanitizer, which has other means

    static resources now() {
        resources r;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
            r.descriptors += entry.path().empty() ? 0 : 1;
        --r.descriptors;  // that of the directory
        {
            std::ifstream maps("/proc/self/maps");
            for (std::string line; std::getline(maps, line);)
                r.mappings += line.find("/memfd:vmio-snapshot") != std::string::npos ? 1 : 0;
        }
        const struct mallinfo2 info = ::mallinfo2();
        r.heap = info.uordblks + info.hblkhd;
        return r;
    }
    /// The allocator splits and joins what it has: a little more or less is no leak. A leak in each of a thousand
    /// rounds is more than that.
    friend bool operator==(const resources& a, const resources& b) {
        const std::size_t difference = a.heap < b.heap ? b.heap - a.heap : a.heap - b.heap;
        return a.descriptors == b.descriptors && a.mappings == b.mappings && difference < 4096;
    }
    friend std::ostream& operator<<(std::ostream& to, const resources& r) {
        return to << r.descriptors << " descriptors, " << r.mappings << " mappings, " << r.heap << " bytes";
    }
};

}  // namespace test
