// SPDX-License-Identifier: BSL-1.0
/// Finding bytes in a process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/byte_pattern.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/source_options.hpp>

namespace vmio {

/// How far a search is.
struct search_progress {
    std::uint64_t searched = 0;  ///< bytes, of
    std::uint64_t total = 0;     ///< so many that were mapped when it began; what is mapped later may exceed it
    address at = 0;              ///< the end of the chunk that was searched last
    std::uint64_t matches = 0;   ///< so far
};

/// Where a search looks, and how.
struct search_options {
    /// What is searched, and where its bytes are taken from.
    source_options regions{};
    /// Only matches at multiples of it count; 1: anywhere. 0 is std::invalid_argument.
    std::size_t alignment = 1;
    /// How many threads search, each with a buffer of its own; fewer where no more are to be had. regions.wanted is
    /// then called by all. What is mapped meanwhile, beyond what was, is then not searched.
    unsigned threads = 1;
    /// Called after each chunk, by one thread at a time; false ends the search.
    std::function<bool(const search_progress&)> progress{};
    /// Asked after each chunk, by one thread at a time; true ends the search.
    std::function<bool()> stop{};
    /// How many bytes are read at a time: rounded down to pages, but at least one; 0: 512 KiB.
    std::size_t chunk_size = 0;
};

/// What was searched.
struct search_summary {
    std::uint64_t searched = 0;    ///< bytes
    std::uint64_t unreadable = 0;  ///< of these; not searched in truth
    std::uint64_t matches = 0;     ///< that were handed to found()
    bool stopped = false;          ///< before its end

    friend bool operator==(const search_summary&, const search_summary&) noexcept = default;  ///< member by member
};

/// Finds all places where `pattern` matches, those that overlap too, and calls found(address) for each as it comes, by
/// one thread at a time; false ends the search. With one thread they come by address.
///
/// None is missed because it lies across the seam of two chunks or of neighbouring mappings, and none is found across a
/// gap: what cannot be read is no zeros here. Reads as region_reader does, with what that says about the target, which
/// runs on: what it moves meanwhile may be seen twice or never. Memory that was never touched is only looked into for
/// zeros. Throws as that, and whatever found() and progress() throw.
VMIO_EXPORT search_summary search(const process_memory& memory, const byte_pattern& pattern,
                                  const std::function<bool(address)>& found, const search_options& options = {});

/// The same: all of them, sorted.
VMIO_EXPORT std::vector<address> search(const process_memory& memory, const byte_pattern& pattern,
                                        const search_options& options = {});

}  // namespace vmio
