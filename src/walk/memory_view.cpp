// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_view.hpp>

#include <cstdio>

namespace vmio {

void memory_view::refuse(std::size_t offset, std::size_t size) const {
    char text[160];
    std::snprintf(text, sizeof text, "vmio::memory_view: %zu bytes at %#llx are not all among the %zu at %#llx", size,
                  static_cast<unsigned long long>(start()) + offset, this->size(),
                  static_cast<unsigned long long>(start()));
    throw std::out_of_range(text);
}

}  // namespace vmio
