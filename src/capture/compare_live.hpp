// SPDX-License-Identifier: BSL-1.0
/// Comparing a capture with a live process.
#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <vmio/process_snapshot.hpp>
#include <vmio/region_reader.hpp>

#include "base/range_set.hpp"

namespace vmio::detail {

/// Calls each(address, before, now) for the bytes of `range` that can be read now, by address and at most 1 MiB at a
/// time. Memory that is untouched now and zero in the capture is skipped. After a part that cannot be read, missed() is
/// called before the next each(). Precondition: all of `range` was captured. Returns: the parts that cannot be read.
/// Cost: proportional to the pages that are touched now or stored in the capture.
template <class F, class G = void (*)()>
std::vector<address_range> for_each_pair(
    const process_snapshot& before, const process_memory& now, const address_range& range,
    std::vector<std::byte>& buffer, F&& each, G&& missed = [] {}) {
    constexpr std::size_t step = std::size_t{1} << 20;  // a chunk without data can be much larger
    region_options options;
    options.within = range;
    options.chunk_size = step;
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
            for (address_range rest : without({&run, 1}, same))
                while (!rest.empty()) {
                    const address_range part = rest.part(0, std::min<std::uint64_t>(rest.size(), step));
                    rest = {part.end(), rest.end()};
                    buffer.resize(static_cast<std::size_t>(part.size()));
                    before.read(part.start(), buffer);
                    const auto at = static_cast<std::size_t>(part.start() - chunk.start());
                    each(part.start(), std::span<std::byte>(buffer), bytes.subspan(at, buffer.size()));
                }
            append(readable, run);
        }
    }
    return without({&range, 1}, readable);
}

}  // namespace vmio::detail
