// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include <fcntl.h>
#include <unistd.h>

#include "processes/child.hpp"
#include "support/mapped.hpp"

namespace test {

/// Whether reading an untouched anonymous page maps the kernel's zero page. A kernel may map a page of the process's
/// own instead, as one does whose hypervisor asks for that; to all interfaces the page is then the same as a written
/// one. Asked of pagemap without PAGEMAP_SCAN: a page that no other mapping shares has bit 56 set, which the zero page
/// never has.
inline bool has_zero_page() {
    const mapped some(1);
    some.read(0);
    const int file = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    std::uint64_t entry = 0;
    const auto place = static_cast<off_t>(some.start() / some.size() * sizeof entry);
    must(::pread(file, &entry, sizeof entry, place) == sizeof entry && (entry >> 63 & 1) != 0, "a page that was read");
    ::close(file);
    return (entry >> 56 & 1) == 0;
}

}  // namespace test
