// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

#include <vmio/snapshot.hpp>

#include "snapshot/snapshot_data.hpp"

namespace vmio {

/// The state that copies of a snapshot share.
struct VMIO_HIDDEN snapshot::state {
    using content_pointer = std::shared_ptr<const detail::snapshot_data>;

    explicit state(content_pointer c) : size(c->size()), content(std::move(c)) {}

    /// Returns: a snapshot of a memfd that is filled and not sealed yet.
    static snapshot sealed(detail::file_descriptor filled, std::size_t size) {
        return holding(std::make_shared<const detail::snapshot_data>(
            std::make_shared<const detail::sealed_memfd>(std::move(filled), size)));
    }
    static snapshot holding(content_pointer content) { return snapshot(std::make_shared<state>(std::move(content))); }

    content_pointer now() const {
        const std::lock_guard lock(mutex);
        return content;
    }

    const std::size_t size;
    mutable std::mutex mutex;
    content_pointer content;
    bool has_mutable_view = false;
};

}  // namespace vmio
