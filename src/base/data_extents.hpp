// SPDX-License-Identifier: BSL-1.0
/// Where a sparse file has data.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <vector>

#include <unistd.h>

#include <vmio/address.hpp>

#include "base/system_error.hpp"

namespace vmio::detail {

/// Returns: the parts of [start, start + size) of a file that are no holes, as offsets from `start`, sorted; the whole
/// range if the file does not support SEEK_DATA and SEEK_HOLE (lseek(2)). Moves the offset of the descriptor.
inline std::vector<address_range> data_extents(int fd, std::uint64_t size, std::uint64_t start = 0) {
    std::vector<address_range> found;
    const std::uint64_t stop = start + size;
    for (std::uint64_t at = start; at < stop;) {
        const off_t data = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
        if (data < 0 && last_system_error().value() == ENXIO) break;  // a hole up to the end
        const off_t hole = data < 0 ? -1 : ::lseek(fd, data, SEEK_HOLE);
        if (hole <= data) return {{0, size}};
        const std::uint64_t end = std::min(static_cast<std::uint64_t>(hole), stop);
        if (static_cast<std::uint64_t>(data) >= end) break;
        found.emplace_back(static_cast<std::uint64_t>(data) - start, end - start);
        at = end;
    }
    return found;
}

}  // namespace vmio::detail
