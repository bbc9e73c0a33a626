// SPDX-License-Identifier: BSL-1.0
/// What is mapped in a process.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/mapping.hpp>
#include <vmio/process.hpp>

namespace vmio {

namespace detail {
struct maps_list;
}  // namespace detail

/// What memory_map::load() does about a mapping that the kernel's list may lack.
enum class memory_map_check {
    none,  ///< nothing
    gaps,  ///< asks for each gap between mappings whether something is mapped there, and adds what the list lacks
};

/// The mappings of a process, sorted by address, without overlaps: a contiguous range that only refresh() and
/// assignment change. Const members are thread-safe. A moved-from map is empty; it can be
/// assigned to, but not refreshed.
///
/// **Races.** The kernel writes the list a few dozen mappings at a time, so each mapping existed at some moment of the
/// load, but not all at the same one. A list whose parts contradict each other is read again, up to eight times; then
/// the last one is taken, in which a later line keeps its range and an earlier one loses the overlap: see torn().
///
/// Linux 6.17 and later write the list without the target's mmap lock. Rarely (seen: 1 list in a million, of a target
/// that maps over its own pages all the time) such a list lacks a mapping that existed all the time, and nothing in it
/// shows that. memory_map_check::gaps finds it; only a pause (pause_guard) makes the list one of a single moment.
///
/// The list is that of the program that runs when load() or refresh() is called, also after exec(2).
class VMIO_EXPORT memory_map {
public:
    /// Of a standard range.
    /// @{
    using value_type = mapping;
    using const_iterator = const mapping*;
    using iterator = const_iterator;
    /// @}

    /// Empty; not bound to a process.
    memory_map() noexcept = default;

    /// Reads the list of `target`.
    /// Errors: memory_error with ESRCH, the process has ended (a zombie included); EACCES or EPERM, its maps may not be
    /// read; ESTALE, it called exec during each of eight readings. Never an empty list instead.
    /// Cost: 0.4 microseconds a mapping, most of it in the kernel; memory_map_check::gaps adds as much for each gap.
    /// Races: without PROCMAP_QUERY (before Linux 6.11, or refused) memory_map_check::gaps does nothing.
    /// @{
    static memory_map load(const process& target, memory_map_check check = memory_map_check::none);
    static memory_map load(pid_t target, memory_map_check check = memory_map_check::none) {
        return load(process(target), check);
    }
    /// @}
    /// The same without memory_error.
    /// Returns: an empty map, with an error in `ec`, where the other throws.
    /// @{
    static memory_map load(const process& target, memory_map_check check, std::error_code& ec);
    static memory_map load(const process& target, std::error_code& ec) {
        return load(target, memory_map_check::none, ec);
    }
    /// @}

    /// Parses a text in the form of /proc/PID/maps. What the text leaves open is guessed: \012 in a name is a newline,
    /// and " (deleted)" at its end means that.
    static memory_map from_text(std::string_view text);

    /// Takes a list that was kept.
    /// Errors: std::invalid_argument if it is not sorted, or if mappings are empty or overlap.
    static memory_map from_mappings(std::vector<mapping> mappings);

    /// Loads the list again, with the check of the first load.
    /// Errors: those of load(), after which the old list remains; std::logic_error if the map was not loaded.
    void refresh();

    /// Returns: the mapping that covers `a`, or null.
    /// Cost: a binary search.
    const mapping* find(address a) const noexcept {
        const const_iterator m = at_or_above(a);
        return m != end() && m->range.start() <= a ? m : nullptr;
    }

    /// Returns: the mapping that covers `a`, else the first one above it; end() if there is none.
    const_iterator at_or_above(address a) const noexcept;

    /// The mappings by address. Iterators and pointers are valid until refresh(), assignment or destruction.
    /// @{
    const_iterator begin() const noexcept { return mappings_.data(); }
    const_iterator end() const noexcept { return mappings_.data() + mappings_.size(); }
    std::size_t size() const noexcept { return mappings_.size(); }
    bool empty() const noexcept { return mappings_.empty(); }
    /// @}

    /// Returns: the ranges of the mappings for which `chosen(mapping)` is true, by address, neighbours joined.
    template <class Predicate>
    std::vector<address_range> ranges(Predicate&& chosen) const {
        std::vector<address_range> joined;
        for (const mapping& m : *this) {
            if (!chosen(m)) continue;
            if (!joined.empty() && joined.back().end() == m.range.start())
                joined.back() = {joined.back().start(), m.range.end()};
            else
                joined.push_back(m.range);
        }
        return joined;
    }

    /// Returns: the ranges that the target itself may read, by their permissions.
    std::vector<address_range> readable_ranges() const {
        return ranges([](const mapping& m) { return m.perms.read; });
    }

    /// Returns: the ranges where nothing is mapped, by address: between the first mapping and the last (on x86-64 that
    /// is [vsyscall], in the kernel's half), or in all of `within`.
    /// @{
    std::vector<address_range> gaps() const;
    std::vector<address_range> gaps(const address_range& within) const;
    /// @}

    /// Returns: lines of the kernel that could not be parsed and were left out; none on known kernels.
    const std::vector<std::string>& malformed_lines() const noexcept { return malformed_lines_; }

    /// Returns: whether the list had contradicting parts and they were joined.
    bool torn() const noexcept { return torn_; }

private:
    void assign(detail::maps_list&&);

    std::optional<process> target_;
    memory_map_check check_ = memory_map_check::none;
    std::vector<mapping> mappings_;
    std::vector<address> ends_;  // of each mapping: close together, for the search
    std::vector<std::string> malformed_lines_;
    bool torn_ = false;
};

}  // namespace vmio
