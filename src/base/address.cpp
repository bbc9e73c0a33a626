// SPDX-License-Identifier: BSL-1.0
#include <vmio/address.hpp>

#include <cstdio>
#include <ostream>

#include <unistd.h>

namespace vmio {

std::size_t page_size() noexcept {
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

std::string to_string(const address_range& range) {
    char text[48];
    std::snprintf(text, sizeof text, "[0x%llx, 0x%llx)", static_cast<unsigned long long>(range.start()),
                  static_cast<unsigned long long>(range.end()));
    return text;
}

std::ostream& operator<<(std::ostream& out, const address_range& range) {
    return out << to_string(range);
}

}  // namespace vmio
