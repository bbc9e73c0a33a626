// SPDX-License-Identifier: BSL-1.0
#include <vmio/address.hpp>

#include <unistd.h>

namespace vmio {

std::size_t page_size() noexcept {
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

}  // namespace vmio
