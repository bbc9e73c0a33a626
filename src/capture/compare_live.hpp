// SPDX-License-Identifier: BSL-1.0
/// A living process beside what was captured of it.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include <vmio/process_snapshot.hpp>
#include <vmio/region_reader.hpp>

#include "base/range_set.hpp"

namespace vmio::detail {

/// Walks `range`, all of which was captured, and calls each(address, before, now) for the bytes that the process has
/// there, but for what both know to be zero; and missed() where something in between cannot be read now. Returns what.
template <class F, class G = void (*)()>
std::vector<address_range> for_each_pair(
    const process_snapshot& before, const process_memory& now, const address_range& range,
    std::vector<std::byte>& buffer, F&& each, G&& missed = [] {}) {
    region_options options;
    options.within = range;
    options.chunk_size = std::size_t{1} << 20;
    std::vector<address_range> readable;
    address reached = range.start();
    region_reader reader(now, std::move(options));
    while (reader.next()) {
        const address_range chunk = reader.range();
        const std::span<const std::byte> bytes = reader.fetch();
        const std::vector<address_range> good = without({&chunk, 1}, reader.gaps());
        const std::vector<address_range> same = without(reader.untouched(), intersected(before.stored(), {&chunk, 1}));
        for (const address_range& run : good) {
            if (run.start() > reached) missed();
            reached = run.end();
            for (const address_range& part : without({&run, 1}, same)) {
                buffer.resize(static_cast<std::size_t>(part.size()));
                before.read(part.start(), buffer);
                const auto at = static_cast<std::size_t>(part.start() - chunk.start());
                each(part.start(), std::span<std::byte>(buffer), bytes.subspan(at, buffer.size()));
            }
        }
        readable.insert(readable.end(), good.begin(), good.end());
    }
    return without({&range, 1}, readable);
}

}  // namespace vmio::detail
