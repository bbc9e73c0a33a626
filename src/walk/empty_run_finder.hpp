// SPDX-License-Identifier: BSL-1.0
/// Finds runs of a region that hold no data, so that a walk need not read reserved memory chunk by chunk.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/page_map.hpp>

#include "proc/vma_lookup.hpp"
#include "walk/region_source.hpp"

namespace vmio::detail {

/// A run whose content is known without reading it.
struct empty_run {
    address_range range;                          // empty: there is no run
    std::optional<gap_reason> gap;                // its reason if it cannot be read; none: it is zero
    std::chrono::steady_clock::time_point until;  // after that it has to be looked up again

    bool is_known() const noexcept { return !range.empty() && std::chrono::steady_clock::now() < until; }
};

/// For rising addresses in one region. The answers of the kernel about many pages are kept for the chunks that follow,
/// but only for some milliseconds, since the target may touch pages meanwhile.
class empty_run_finder {
public:
    /// `target` must outlive it.
    explicit empty_run_finder(const process& target) : maps_(target.maps(), target.proc_directory()) {}

    /// Returns the run that begins at `at` and ends at `end` at the latest; none if it has less than `least` bytes.
    /// Throws memory_error. Precondition: the range lies in the mapping of `source`.
    empty_run find(const region_source& source, address at, address end, std::uint64_t least);

    /// To be called before the first find() in another region.
    void forget() noexcept;

private:
    using clock = std::chrono::steady_clock;

    address end_of_hole(const region_source&, address at, address end, std::optional<gap_reason>&);
    address first_in_page_tables(const region_source&, address at, address end);
    void look_at_page_tables(const region_source&, address at, address end);
    address end_of_mapping(const region_source&, address at, address end);

    static constexpr std::uint64_t least_window = std::uint64_t{16} << 20;

    vma_lookup maps_;
    address_range looked_at_;          // what the page tables were read for
    std::vector<address_range> data_;  // of that, what is not empty
    clock::time_point until_;
    std::uint64_t window_ = least_window;
    address_range file_data_;  // offsets in the file that are known to hold data
};

}  // namespace vmio::detail
