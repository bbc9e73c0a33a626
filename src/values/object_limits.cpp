// SPDX-License-Identifier: BSL-1.0
#include <vmio/object_limits.hpp>

#include <string_view>

#include <vmio/memory_map.hpp>
#include <vmio/process.hpp>

namespace vmio {

object_layout object_layout_of(const process& target) {
    bool libcxx = false;
    bool libstdcxx = false;
    for (const mapping& m : memory_map::load(target)) {
        const std::string_view name = std::string_view(m.name).substr(m.name.rfind('/') + 1);
        libcxx = libcxx || name.starts_with("libc++.so.");
        libstdcxx = libstdcxx || name.starts_with("libstdc++.so.");
    }
    if (libcxx == libstdcxx) return object_layout::native;
    return libcxx ? object_layout::libcxx : object_layout::libstdcxx;
}

}  // namespace vmio
