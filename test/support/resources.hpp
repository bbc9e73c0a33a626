// SPDX-License-Identifier: BSL-1.0
/// What this process holds, for tests that nothing leaks.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>

#include <malloc.h>

namespace test {

struct resources {
    std::size_t descriptors = 0;
    std::size_t mappings = 0;
    std::size_t heap = 0;  // bytes; always 0 under a sanitizer, which has other means

    static resources now() {
        resources r;
        r.heap = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
        const std::filesystem::directory_iterator open("/proc/self/fd");
        r.descriptors = static_cast<std::size_t>(std::distance(begin(open), end(open)));
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);)
            r.mappings += line.find("/memfd:vmio-snapshot") != std::string::npos ? 1 : 0;
        return r;
    }
    friend bool operator==(const resources&, const resources&) = default;
    friend std::ostream& operator<<(std::ostream& to, const resources& r) {
        return to << r.descriptors << " descriptors, " << r.mappings << " mappings, " << r.heap << " bytes";
    }
};

}  // namespace test
