// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>

namespace test {

/// How often this program, and every library in it, has called operator new.
extern std::atomic<std::size_t> allocations;

template <class F>
std::size_t allocations_of(F&& f) {
    const std::size_t before = allocations;
    f();
    return allocations - before;
}

}  // namespace test
