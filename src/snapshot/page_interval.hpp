// SPDX-License-Identifier: BSL-1.0
/// Page numbers within a view.
#pragma once

#include <cstddef>

#include <vmio/protection.hpp>

namespace vmio::detail {

/// A half-open range of page numbers.
struct page_interval {
    std::size_t first = 0;
    std::size_t end = 0;
};

/// Returns: the pages of a part of a view. Errors: std::invalid_argument if the part is empty, not inside the view, or
/// not whole pages; it may end at the end of the view.
page_interval pages_of_part(std::size_t offset, std::size_t size, std::size_t view_size);

/// Calls mprotect(2). Errors: memory_error.
void set_protection(std::byte* view, page_interval pages, protection allowed);

}  // namespace vmio::detail
