// SPDX-License-Identifier: BSL-1.0
/// Passing by what a process has reserved and never touched: a search walks terabytes of it otherwise, chunk by chunk.
#pragma once

#include <algorithm>
#include <optional>

#include <vmio/page_map.hpp>
#include <vmio/region_reader.hpp>

namespace vmio::detail {

class zero_run_skipper {
public:
    /// `reach`: how far beyond both ends of a chunk zeros matter too.
    zero_run_skipper(process target, std::uint64_t reach) : target_(std::move(target)), reach_(reach) {}

    /// Whether the chunk need not be fetched: it is known to lie among zeros.
    bool covers(const address_range& chunk) const noexcept {
        return chunk.start() >= run_.start() && chunk.start() - run_.start() >= reach_ && chunk.end() <= run_.end() &&
               run_.end() - chunk.end() >= reach_;
    }

    /// Looks how far the zeros go on, if what was fetched of the chunk is nothing else; not too far, since the target
    /// may touch them meanwhile. memory_error as page_map.
    void look_beyond(const region_reader& chunk) {
        constexpr std::uint64_t far = std::uint64_t{1} << 30;
        using enum page_state;
        const address_range range = chunk.range();
        const bool untouched = chunk.untouched().size() == 1 && chunk.untouched()[0] == range && chunk.gaps().empty();
        if (!untouched || chunk.mapping().file_backed() || range.end() < run_.end()) return;
        const address_range beyond(range.end(), range.end() + std::min(far, chunk.mapping().range.end() - range.end()));
        address end = beyond.end();
        if (!pages_) pages_.emplace(target_);
        pages_->scan(beyond, data | guard | swapped, [&](const page_run& run) {
            end = std::max(beyond.start(), run.range.start());
            return false;
        });
        run_ = {range.end() == run_.end() ? run_.start() : range.start(), end};
    }

private:
    process target_;
    std::uint64_t reach_;
    std::optional<page_map> pages_;
    address_range run_;
};

}  // namespace vmio::detail
