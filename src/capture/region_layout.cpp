// SPDX-License-Identifier: BSL-1.0
#include "capture/region_layout.hpp"

#include <limits>

#include "base/range_set.hpp"

namespace vmio::detail {

std::optional<std::uint64_t> region_layout::add(const address_range& region) {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    const bool goes_on = !regions_.empty() && regions_.back().end() == region.start();
    const std::uint64_t offset = goes_on ? end_ : end_ + ((region.start() - end_) & (page_size() - 1));
    if (offset > most || region.size() > most - offset) return std::nullopt;
    if (goes_on) {
        regions_.back() = {regions_.back().start(), region.end()};
    } else {
        regions_.push_back(region);
        offsets_.push_back(offset);
    }
    end_ = offset + region.size();
    return offset;
}

std::optional<std::uint64_t> region_layout::offset_of(const address_range& range) const noexcept {
    const address_range* const region = first_above(regions_, range.start());
    if (region == regions_.data() + regions_.size() || !region->contains(range)) return std::nullopt;
    return offsets_[static_cast<std::size_t>(region - regions_.data())] + (range.start() - region->start());
}

}  // namespace vmio::detail
