// SPDX-License-Identifier: BSL-1.0
/// Finding bytes in a memory that stands still: a captured process, a core file.
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

/// A memory that says what of it can be read: ranges(), sorted.
template <class M>
concept memory_with_ranges = memory_reader<const M> && requires(const M& m) {
    std::span<const address_range>(m.ranges());
};

/// Finds all places in `ranges`, which are sorted, where `pattern` matches, as search() does in a process: those that
/// overlap too, by address, across the seam of neighbouring ranges and not across a gap; only multiples of `alignment`
/// count. found(address) returns false to end it. What cannot be read (EFAULT, EIO) is passed by, a page at a time;
/// other errors are thrown as memory_error. Reads 512 KiB at a time.
VMIO_EXPORT search_summary search_by_reading(const detail::read_function& memory, std::span<const address_range> ranges,
                                             const byte_pattern& pattern, const std::function<bool(address)>& found,
                                             std::size_t alignment = 1);

/// The same in all of a memory.
template <memory_with_ranges M>
search_summary search(const M& memory, const byte_pattern& pattern, const std::function<bool(address)>& found,
                      std::size_t alignment = 1) {
    return search_by_reading(detail::reading_from(memory), memory.ranges(), pattern, found, alignment);
}

/// The same: all of them, sorted.
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
