// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <utility>

#include "proc/vma_lookup.hpp"

namespace vmio::detail {

/// A lookup in the text of the maps that queries at ascending addresses continue, so that the kernel does not generate
/// the text from its start for each. Thread-safe: a thread that finds it in use makes one of its own.
class kept_lookup {
public:
    /// Calls f(vma_lookup&). `maps` and `directory`: those of the process that owns this object.
    /// Errors: std::bad_alloc.
    template <class F>
    auto with(int maps, int directory, F&& f) const {
        if (const std::unique_lock lock(used_, std::try_to_lock); lock) {
            if (!kept_) kept_ = std::make_unique<lookup>(maps, directory);
            return std::forward<F>(f)(kept_->in);
        }
        const auto other = std::make_unique<lookup>(maps, directory);
        return std::forward<F>(f)(other->in);
    }

private:
    struct lookup {
        lookup(int maps, int directory) noexcept : in(maps, directory, line) {}
        std::array<char, 8192> line;  // uninitialised; a longer one is not kept
        vma_lookup in;
    };

    mutable std::mutex used_;
    mutable std::unique_ptr<lookup> kept_;  // large, and most processes need none
};

}  // namespace vmio::detail
