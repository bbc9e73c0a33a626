// SPDX-License-Identifier: BSL-1.0
/// Finding the pages of a private mapping in this process that were written to.
#pragma once

#include <cstddef>

#include <vmio/address.hpp>

#include "proc/page_runs.hpp"
#include "proc/pagemap_walk.hpp"
#include "snapshot/page_interval.hpp"

namespace vmio::detail {

/// Like page_map::scan() for changed pages of this process. Opens the page map on each call: after fork(2) a page map
/// that was opened before is the parent's. Returns: walk_result::failed if the page map cannot be read.
walk_result walk_own_anon_pages(address start, address end, page_runs::sink each, void* context);

/// Calls each(page_interval) for the runs among `pages` of `view` that are no longer pages of the file, until it
/// returns false.
template <class F>
walk_result for_anon_pages(const std::byte* view, page_interval pages, F&& each) {
    struct context {
        address start;
        F& each;
    } all{address_of(view), each};
    return walk_own_anon_pages(
        all.start + pages.first * page_size(), all.start + pages.end * page_size(),
        [](void* p, const page_run& run) -> bool {
            const context& c = *static_cast<context*>(p);
            return c.each(page_interval{static_cast<std::size_t>((run.range.start() - c.start) / page_size()),
                                        static_cast<std::size_t>((run.range.end() - c.start) / page_size())});
        },
        &all);
}

}  // namespace vmio::detail
