// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_search.hpp>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include <vmio/error.hpp>

#include "base/range_set.hpp"
#include "walk/seam_search.hpp"

namespace vmio {

search_summary search_by_reading(const detail::read_function& memory, std::span<const address_range> ranges,
                                 const byte_pattern& pattern, const std::function<bool(address)>& found,
                                 std::size_t alignment) {
    if (alignment == 0) throw std::invalid_argument("vmio::search: the alignment is 0");
    constexpr std::size_t buffer_size = std::size_t{512} << 10;  // fits into the second-level cache
    std::vector<std::byte> buffer(buffer_size);
    detail::seam_search seams(pattern, alignment);
    search_summary summary;
    const auto report = [&](address at) {
        ++summary.matches;
        summary.stopped = !found(at);
        return !summary.stopped;
    };
    for (const address_range& range : ranges)
        for (address at = range.start(); at < range.end() && !summary.stopped;) {
            const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_size, range.end() - at));
            std::error_code ec;
            std::size_t size = memory(at, std::span(buffer).first(most), ec);
            if (size > 0) {
                seams.add(at, std::span(buffer).first(size), report);
            } else if (!ec || ec == errc::bad_address) {
                const address next_page = next_boundary(at, page_size());
                size = static_cast<std::size_t>(std::min(range.end(), next_page) - at);
                summary.unreadable += size;
            } else {
                throw memory_error("search", 0, at, ec);
            }
            summary.searched += size;
            at += size;
        }
    return summary;
}

search_summary search_by_reading(const detail::read_function& memory, std::span<const address_range> ranges,
                                 std::span<const address_range> stored, const byte_pattern& pattern,
                                 const std::function<bool(address)>& found, std::size_t alignment) {
    if (pattern.matches_zeros()) return search_by_reading(memory, ranges, pattern, found, alignment);
    // A match has a byte that is not zero, so it reaches less than its size from what is stored.
    const std::uint64_t reach = pattern.size() - 1;
    std::vector<address_range> near;
    for (const address_range& s : stored)
        near.emplace_back(s.start() - std::min<std::uint64_t>(reach, s.start()),
                          s.end() + std::min(reach, std::numeric_limits<address>::max() - s.end()));
    near = detail::intersected(ranges, detail::made_set(std::move(near)));
    search_summary summary = search_by_reading(memory, near, pattern, found, alignment);
    if (summary.stopped) return summary;
    for (const address_range& r : detail::without(ranges, near)) summary.searched += r.size();
    return summary;
}

}  // namespace vmio
