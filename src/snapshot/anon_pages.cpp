// SPDX-License-Identifier: BSL-1.0
#include "snapshot/anon_pages.hpp"

#include <fcntl.h>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"

namespace vmio::detail {

walk_result walk_own_anon_pages(address start, address end, page_runs::sink each, void* context) {
    // Not /proc/self: it shows no memory once the main thread has ended.
    const file_descriptor pagemap(sys::open("/proc/thread-self/pagemap", O_RDONLY | O_CLOEXEC));
    if (!pagemap) return walk_result::failed;
    page_runs runs(page_state::changed, start, each, context);
    std::error_code ec;
    address at = start;
    walk_result result = walk_by_scan(pagemap.get(), at, end, page_state::changed, runs, ec);
    if (result == walk_result::refused) {
        const file_descriptor maps(sys::open("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC));
        if (!maps) return walk_result::failed;
        result = walk_by_entries(pagemap.get(), maps.get(), at, end, runs, ec);
    }
    if (result == walk_result::over && !runs.finish(end)) return walk_result::enough;
    return result;
}

}  // namespace vmio::detail
