// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

#include <vmio/region_reader.hpp>

namespace test {

/// To walk this range and no other.
inline vmio::region_options in(const vmio::address_range& range, std::size_t chunk_size = 0, std::size_t overlap = 0) {
    vmio::region_options options;
    options.within = range;
    options.chunk_size = chunk_size;
    options.overlap = overlap;
    return options;
}

}  // namespace test
