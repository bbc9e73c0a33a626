// SPDX-License-Identifier: BSL-1.0
// A file of its own: where the compiler can see both sides, it warns of mixing new with free.
#include "faults/count_allocations.hpp"

#include <cstdlib>
#include <new>

std::atomic<std::size_t> test::allocations{0};

void* operator new(std::size_t size) {
    ++test::allocations;
    if (void* p = std::malloc(size)) return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}
