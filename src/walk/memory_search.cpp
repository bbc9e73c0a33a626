// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_search.hpp>

#include <algorithm>
#include <stdexcept>

#include <vmio/error.hpp>

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

}  // namespace vmio
