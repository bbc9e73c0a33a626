// SPDX-License-Identifier: BSL-1.0
/// What is mapped in a process.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <vmio/build_id.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/mapping.hpp>
#include <vmio/process.hpp>
#include <vmio/query_mapping.hpp>

namespace vmio {

namespace detail {
struct maps_list;
}  // namespace detail

/// The mappings of a process, sorted by address, without overlaps: a range that never changes but by refresh().
///
/// **What a running target makes untrue.** The kernel writes the list a few dozen mappings at a time, so each mapping
/// was there at some moment of the loading, but not all at one; stop the target (pause_guard) for that. A list whose
/// pieces do not fit together is read again, up to eight times. The last reading is then taken as it is: of what
/// overlaps, the later mapping is whole and the earlier one keeps the rest; torn() says so.
///
/// It is of the program that runs when load() or refresh() is called, also after exec(2).
/// Const members are thread-safe.
class VMIO_EXPORT memory_map {
public:
    /// As of every standard range.
    /// @{
    using value_type = mapping;
    using const_iterator = const mapping*;
    using iterator = const_iterator;
    /// @}

    /// No mappings, of nobody.
    memory_map() noexcept = default;

    /// Reads the list: some 0.4 microseconds a mapping, of which the kernel takes most. memory_error: ESRCH if the
    /// process has ended, a zombie included; EACCES or EPERM if its maps may not be read; ESTALE if it called exec each
    /// time we looked. Never an empty list instead.
    static memory_map load(const process& target);
    /// The same without that exception: an empty one with an error.
    static memory_map load(const process& target, std::error_code& ec);

    /// A text that was kept, in the form of /proc/PID/maps. What the text leaves open is guessed: \012 in a name is a
    /// newline, and " (deleted)" at its end means just that.
    static memory_map from_text(std::string_view text);

    /// A list that was kept. std::invalid_argument if it is not sorted, or mappings are empty or overlap.
    static memory_map from_mappings(std::vector<mapping> mappings);

    /// Loads again; after an error the old list is still there. std::logic_error for a map that was not loaded.
    void refresh();

    /// The mapping that covers `a`, or null. By binary search.
    const mapping* find(address a) const noexcept {
        const const_iterator m = at_or_above(a);
        return m != end() && m->range.start() <= a ? m : nullptr;
    }

    /// The mapping that covers `a`, or else the first above it; end() if there is none.
    const_iterator at_or_above(address a) const noexcept;

    /// The mappings, by address. Iterators and pointers are valid until refresh().
    /// @{
    const_iterator begin() const noexcept { return mappings_.data(); }
    const_iterator end() const noexcept { return mappings_.data() + mappings_.size(); }
    std::size_t size() const noexcept { return mappings_.size(); }
    bool empty() const noexcept { return mappings_.empty(); }
    /// @}

    /// The addresses of the mappings for which `chosen(mapping)` is true, neighbours joined.
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

    /// Those that the target itself may read, as far as their permissions say.
    std::vector<address_range> readable_ranges() const {
        return ranges([](const mapping& m) { return m.perms.read; });
    }

    /// Where nothing is mapped: between the first mapping and the last (on x86-64 that is [vsyscall], in the kernel's
    /// half), or in the whole of `within`.
    /// @{
    std::vector<address_range> gaps() const;
    std::vector<address_range> gaps(const address_range& within) const;
    /// @}

    /// Lines of the kernel's that made no sense and were left out; none, unless a kernel has learnt something new.
    const std::vector<std::string>& malformed_lines() const noexcept { return malformed_lines_; }

    /// Whether pieces that do not fit together had to be joined.
    bool torn() const noexcept { return torn_; }

private:
    void assign(detail::maps_list&&);

    std::optional<process> target_;
    std::vector<mapping> mappings_;
    std::vector<address> ends_;  // of each mapping: close together, for the search
    std::vector<std::string> malformed_lines_;
    bool torn_ = false;
};

}  // namespace vmio
