// SPDX-License-Identifier: BSL-1.0
/// The pages of a view, by number.
#pragma once

#include <cstddef>

#include <vmio/protection.hpp>

namespace vmio::detail {

/// Half-open.
struct page_interval {
    std::size_t first = 0;
    std::size_t end = 0;
};

/// The pages of a part of a view: std::invalid_argument if it is empty, does not lie inside, or does not begin and end
/// where pages do. The view's own end will do for the end.
page_interval pages_of_part(std::size_t offset, std::size_t size, std::size_t view_size);

/// mprotect(2). memory_error.
void set_protection(std::byte* view, page_interval pages, protection allowed);

}  // namespace vmio::detail
