// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>

#include <vmio/mutable_view.hpp>

#include "base/mmap_region.hpp"
#include "snapshot/snapshot_state.hpp"

namespace vmio {

/// Exclusive write access to a snapshot: during its lifetime the content of the snapshot is a file that only this
/// object can write to.
class VMIO_HIDDEN mutable_view::lease {
public:
    /// Errors: memory_error with EBUSY if the snapshot has a lease already.
    explicit lease(std::shared_ptr<snapshot::state> owner);
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease();

    const detail::mmap_region& bytes() const noexcept { return bytes_; }
    const detail::snapshot_data& content() const noexcept { return *content_; }

private:
    const std::shared_ptr<snapshot::state> owner_;
    const pid_t process_;
    detail::mmap_region bytes_;
    std::shared_ptr<const detail::snapshot_data> content_;
};

}  // namespace vmio
