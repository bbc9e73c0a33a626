// SPDX-License-Identifier: BSL-1.0
/// Searching a memory other than a live process: a captured process, a core file.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/byte_pattern.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/detail/read_function.hpp>
#include <vmio/memory.hpp>
#include <vmio/search.hpp>

namespace vmio {

/// A memory that knows its readable ranges: ranges(), sorted by address.
template <class M>
concept memory_with_ranges = memory_reader<const M> && requires(const M& m) {
    std::span<const address_range>(m.ranges());
};

namespace detail {

/// A memory that knows which parts of its ranges may hold anything but zeros.
template <class M>
concept memory_with_stored = requires(const M& m) {
    std::span<const address_range>(m.stored());
};

}  // namespace detail

/// Calls found(address), in ascending order, for each match of `pattern` in `ranges` at a multiple of `alignment`,
/// until it returns false. Precondition: `ranges` is sorted. Matches may overlap and may span neighbouring ranges,
/// never a gap. Bytes that cannot be read (EFAULT, EIO) are skipped a page at a time and count as unreadable.
/// Errors: memory_error for any other errno of `memory`; std::invalid_argument if `alignment` is 0; what found()
/// throws. Cost: reads 512 KiB at a time.
VMIO_EXPORT search_summary search_by_reading(const detail::read_function& memory, std::span<const address_range> ranges,
                                             const byte_pattern& pattern, const std::function<bool(address)>& found,
                                             std::size_t alignment = 1);

/// The same for a memory that is known to be zero in `ranges` but for `stored`, which is sorted, too: reads only what
/// is stored, and its neighbourhood, unless zeros match.
VMIO_EXPORT search_summary search_by_reading(const detail::read_function& memory, std::span<const address_range> ranges,
                                             std::span<const address_range> stored, const byte_pattern& pattern,
                                             const std::function<bool(address)>& found, std::size_t alignment = 1);

/// Searches all ranges of a memory: search_by_reading() with m.ranges(), and m.stored() if it has that. An any_memory
/// that is a process is searched as a process_memory is, so that no absent page of it becomes present.
template <memory_with_ranges M>
search_summary search(const M& memory, const byte_pattern& pattern, const std::function<bool(address)>& found,
                      std::size_t alignment = 1) {
    if constexpr (requires { memory.template as<process_memory>(); }) {
        if (const process_memory* const live = memory.template as<process_memory>()) {
            search_options options;
            options.regions.within = memory.window();
            options.alignment = alignment;
            return search(*live, pattern, found, options);
        }
    }
    if constexpr (detail::memory_with_stored<M>)
        return search_by_reading(detail::reading_from(memory), memory.ranges(), memory.stored(), pattern, found,
                                 alignment);
    else
        return search_by_reading(detail::reading_from(memory), memory.ranges(), pattern, found, alignment);
}

/// Returns: the addresses of all matches, sorted.
template <memory_with_ranges M>
std::vector<address> search(const M& memory, const byte_pattern& pattern, std::size_t alignment = 1) {
    std::vector<address> all;
    const auto keep = [&](address at) {
        all.push_back(at);
        return true;
    };
    search(memory, pattern, keep, alignment);
    return all;
}

}  // namespace vmio
