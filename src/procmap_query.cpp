// SPDX-License-Identifier: BSL-1.0
#include "procmap_query.hpp"

#include <atomic>
#include <cerrno>

#include "system_error.hpp"

namespace vmio::procmap {

std::error_code ask(int maps, query& q) noexcept {
    // Never set back: a kernel does not learn, and no filter is taken off.
    static std::atomic<bool> refused{false};
    if (refused.load(std::memory_order_relaxed)) return system_error_of(ENOTTY);
    q.size = sizeof q;
    if (::ioctl(maps, request, &q) == 0) return {};
    const std::error_code ec = last_system_error();
    switch (ec.value()) {
        case ENOTTY:
        case ENOSYS:
        case EPERM: refused.store(true, std::memory_order_relaxed); [[fallthrough]];
        case EACCES: return system_error_of(ENOTTY);
        default: return ec;
    }
}

}  // namespace vmio::procmap
