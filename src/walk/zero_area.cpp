// SPDX-License-Identifier: BSL-1.0
#include "walk/zero_area.hpp"

#include <mutex>

#include <sys/mman.h>

namespace vmio::detail {

zero_area zero_area::open() {
    static std::mutex opening;
    static std::weak_ptr<const std::byte> shared;
    const std::lock_guard lock(opening);
    zero_area area;
    area.start_ = shared.lock();
    if (area.start_) return area;
    // Not writable, so not accounted for, whatever the policy of overcommitment is.
    void* const p = ::mmap(nullptr, most, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return area;
    area.start_.reset(static_cast<const std::byte*>(p),
                      [](const std::byte* start) { ::munmap(const_cast<std::byte*>(start), most); });
    shared = area.start_;
    return area;
}

}  // namespace vmio::detail
