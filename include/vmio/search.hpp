// SPDX-License-Identifier: BSL-1.0
/// Searching the memory of a process for bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/byte_pattern.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/source_options.hpp>

namespace vmio {

/// The progress of a search.
struct search_progress {
    std::uint64_t searched = 0;  ///< bytes
    std::uint64_t total = 0;     ///< bytes to be searched, as mapped at the start; mappings made later may exceed it
    address at = 0;              ///< the end of the chunk that was searched last
    std::uint64_t matches = 0;   ///< so far
};

/// What is searched, and how.
struct search_options {
    /// What is searched, and where its bytes are taken from.
    source_options regions{};
    /// Only matches at addresses that are multiples of it count; 1: all. 0 is std::invalid_argument.
    std::size_t alignment = 1;
    /// How many threads search, each with a buffer of its own; fewer if that many cannot be created, and one as long as
    /// no more than 8 MiB hold data. With more than 1, regions.wanted is called by all of them, and mappings made after
    /// the start may be left out.
    unsigned threads = 1;
    /// Called after each chunk, by one thread at a time. Returning false ends the search.
    std::function<bool(const search_progress&)> progress{};
    /// Asked after each chunk, by one thread at a time; true ends the search.
    std::function<bool()> stop{};
    /// How many bytes are read at a time: rounded down to pages, but at least one; 0: 512 KiB.
    std::size_t chunk_size = 0;
};

/// The result of a search.
struct search_summary {
    std::uint64_t searched = 0;    ///< bytes
    std::uint64_t unreadable = 0;  ///< bytes; counted in `searched` although unreadable
    std::uint64_t matches = 0;     ///< for which found() was called
    bool stopped = false;          ///< ended early, by found(), progress or stop

    friend bool operator==(const search_summary&, const search_summary&) noexcept = default;  ///< member by member
};

/// Calls found(address) for each match of `pattern`, overlapping ones included, by one thread at a time, until it
/// returns false; with one thread in ascending order. Matches may span chunks and neighbouring mappings, never a gap:
/// unreadable pages never match, not even a pattern of zeros.
/// Returns: what was searched.
/// Errors: as region_reader; what found() and progress() throw.
/// Cost: as region_reader; memory that holds no data costs next to nothing, unless the pattern is all zeros.
/// Races: the target runs on: what it moves meanwhile may be found twice or not at all.
VMIO_EXPORT search_summary search(const process_memory& memory, const byte_pattern& pattern,
                                  const std::function<bool(address)>& found, const search_options& options = {});

/// Returns: the addresses of all matches, sorted.
VMIO_EXPORT std::vector<address> search(const process_memory& memory, const byte_pattern& pattern,
                                        const search_options& options = {});

/// The same by PID, and for text.
/// @{
inline std::vector<address> search(pid_t target, const byte_pattern& pattern, const search_options& options = {}) {
    return search(process_memory(target), pattern, options);
}
inline std::vector<address> search(pid_t target, std::string_view text, const search_options& options = {}) {
    return search(process_memory(target), byte_pattern::text(text), options);
}
inline std::vector<address> search(const process_memory& memory, std::string_view text,
                                   const search_options& options = {}) {
    return search(memory, byte_pattern::text(text), options);
}
/// @}

}  // namespace vmio
