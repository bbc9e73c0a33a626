// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"

namespace vmio::detail {

/// Owns a descriptor that is opened on first use, by any thread. Once set, it is constant until the destructor closes
/// it.
class lazy_descriptor {
public:
    lazy_descriptor() noexcept = default;
    lazy_descriptor(const lazy_descriptor&) = delete;
    lazy_descriptor& operator=(const lazy_descriptor&) = delete;
    ~lazy_descriptor() {
        if (const int fd = get(); fd >= 0) sys::close(fd);
    }

    /// Returns: the descriptor; -1 if not set yet.
    int get() const noexcept { return fd_.load(std::memory_order_acquire); }

    /// Sets the descriptor to `opened`; if another thread was first, closes `opened`.
    /// Returns: the descriptor that is kept; -1 if there is none.
    int keep(file_descriptor opened) const noexcept {
        int kept = -1;
        if (!opened) return get();
        if (!fd_.compare_exchange_strong(kept, opened.get(), std::memory_order_acq_rel)) return kept;
        return opened.release();
    }

private:
    mutable std::atomic<int> fd_{-1};
};

}  // namespace vmio::detail
