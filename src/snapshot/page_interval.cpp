// SPDX-License-Identifier: BSL-1.0
#include "snapshot/page_interval.hpp"

#include <stdexcept>

#include <sys/mman.h>

#include <vmio/address.hpp>
#include <vmio/error.hpp>

#include "base/system_error.hpp"

namespace vmio::detail {

page_interval pages_of_part(std::size_t offset, std::size_t size, std::size_t view_size) {
    const std::size_t page = page_size();
    const std::size_t pages = view_size / page + (view_size % page != 0 ? 1 : 0);
    if (size == 0) throw std::invalid_argument("vmio: an empty part of a view");
    if (offset >= view_size || size > pages * page - offset)
        throw std::invalid_argument("vmio: not a part of the view");
    const std::size_t end = offset + size;
    if (offset % page != 0 || (end % page != 0 && end != view_size))
        throw std::invalid_argument("vmio: a part of a view that is not made of whole pages");
    return {offset / page, (end - 1) / page + 1};
}

void set_protection(std::byte* view, page_interval pages, protection allowed) {
    int flags = PROT_NONE;
    if ((allowed & protection::read) != protection::none) flags |= PROT_READ;
    if ((allowed & protection::write) != protection::none) flags |= PROT_WRITE;
    if ((allowed & protection::execute) != protection::none) flags |= PROT_EXEC;
    std::byte* const start = view + pages.first * page_size();
    if (::mprotect(start, (pages.end - pages.first) * page_size(), flags) != 0)
        throw memory_error("mprotect of a view", 0, address_of(start), last_system_error());
}

}  // namespace vmio::detail
