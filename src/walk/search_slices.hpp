// SPDX-License-Identifier: BSL-1.0
/// How a search is divided among threads.
#pragma once

#include <vector>

#include <vmio/address.hpp>
#include <vmio/byte_pattern.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/search.hpp>

namespace vmio::detail {

/// A part of the search for one thread.
struct search_slice {
    address_range range;    // to be read
    address_range counted;  // in the summary
};

/// The ranges that are mapped and to be searched, by address.
std::vector<address_range> searched_ranges(const process_memory& memory, const search_options& options);

/// The ranges cut up for the threads: into many slices, so that the threads end together, but each worth a reader of
/// its own. A slice may hold many small ranges. Precondition: options.chunk_size and options.threads are not 0.
std::vector<search_slice> search_slices(const process_memory& memory, const byte_pattern& pattern,
                                        const search_options& options, const std::vector<address_range>& ranges);

}  // namespace vmio::detail
