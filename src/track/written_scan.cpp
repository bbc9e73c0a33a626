// SPDX-License-Identifier: BSL-1.0
#include "track/written_scan.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "base/system_error.hpp"
#include "proc/pagemap_scan.hpp"

namespace vmio::detail {
namespace {

using found_regions = std::array<pagemap::region, 512>;

constexpr std::uint64_t all_categories =
    pagemap::is_protectable | pagemap::is_written | pagemap::is_present | pagemap::is_swapped;

/// Scans one range. Calls each(region); where the scan meets memory that it may not protect, calls stop(range) with
/// what is left.
template <class Each, class Stop>
std::error_code scan_range(int pagemap, pagemap::scan scan, const address_range& range, Each&& each, Stop&& stop) {
    found_regions found{};
    scan.size = sizeof scan;
    scan.vec = reinterpret_cast<std::uintptr_t>(found.data());
    scan.vec_len = found.size();
    scan.end = range.end();
    for (address at = range.start(); at < range.end();) {
        scan.start = at;
        scan.walk_end = 0;
        const int count = ::ioctl(pagemap, pagemap::request, &scan);
        if (count < 0) {
            const std::error_code ec = last_system_error();
            if (ec.value() == EINTR) continue;
            if (ec.value() != EPERM) return ec;
            // What was protected before the end of this call is in there, too, and is not known.
            stop(address_range(at, range.end()));
            return {};
        }
        for (int i = 0; i < count; ++i) each(found[static_cast<std::size_t>(i)]);
        if (scan.walk_end <= at) return system_error_of(EIO);  // else this loop would not end
        at = scan.walk_end;
    }
    return {};
}

std::atomic<bool> empty_is_written{false};

template <class Each>
std::error_code scan_all(int pagemap, const pagemap::scan& scan, range_span ranges, Each&& each) {
    for (const address_range& range : ranges)
        if (const std::error_code ec = scan_range(pagemap, scan, range, each, [](const address_range&) {})) return ec;
    return {};
}

}  // namespace

std::error_code find_unregistered(int pagemap, range_span ranges, std::vector<address_range>& found) {
    pagemap::scan scan{};
    scan.category_inverted = scan.category_mask = scan.return_mask = pagemap::is_protectable;
    return scan_all(pagemap, scan, ranges, [&](const pagemap::region& r) { append(found, {r.start, r.end}); });
}

std::error_code find_written(int pagemap, range_span ranges, std::vector<address_range>& found) {
    pagemap::scan scan{};
    scan.category_mask = scan.return_mask = pagemap::is_written;
    scan.category_anyof_mask = pagemap::is_present | pagemap::is_swapped;
    return scan_all(pagemap, scan, ranges, [&](const pagemap::region& r) { append(found, {r.start, r.end}); });
}

std::error_code find_changed(int pagemap, range_span ranges, bool protect, scanned_pages& found) {
    pagemap::scan scan{};
    scan.flags = protect ? pagemap::protect_matching | pagemap::check_protectable : 0;
    // Written, or not present. Those that are swapped and protected come along, since the kernel cannot be asked for
    // the others alone; to protect them again changes nothing.
    scan.category_inverted = pagemap::is_present;
    scan.category_anyof_mask = pagemap::is_written | pagemap::is_present;
    scan.return_mask = all_categories;
    const auto sort = [&](const pagemap::region& r) {
        const address_range pages(r.start, r.end);
        if ((r.categories & pagemap::is_protectable) == 0)
            append(found.unchecked, pages);
        else if ((r.categories & (pagemap::is_present | pagemap::is_swapped)) == 0)
            append(found.empty, pages);  // some kernels call them written, too
        else if ((r.categories & pagemap::is_written) != 0)
            append(found.written, pages);
    };
    for (const address_range& range : ranges)
        if (const std::error_code ec = scan_range(pagemap, scan, range, sort,
                                                  [&](const address_range& rest) { append(found.unchecked, rest); }))
            return ec;
    return {};
}

std::error_code find_unprotected(int pagemap, range_span ranges, bool protect, std::vector<address_range>& changed) {
    if (!empty_is_written) {
        scanned_pages found;
        const std::error_code ec = find_changed(pagemap, ranges, protect, found);
        changed = united(changed, united(united(found.written, found.empty), found.unchecked));
        return ec;
    }
    // The kernel has a faster loop for exactly these masks.
    pagemap::scan scan{};
    scan.flags = protect ? pagemap::protect_matching | pagemap::check_protectable : 0;
    scan.category_mask = scan.return_mask = pagemap::is_written;
    std::vector<address_range> found;
    std::error_code ec;
    for (const address_range& range : ranges)
        if (!ec)
            ec = scan_range(
                pagemap, scan, range,
                [&](const pagemap::region& r) {
                    append(found, {r.start, r.end});
                },
                [&](const address_range& rest) { append(found, rest); });
    changed = united(changed, found);
    return ec;
}

void set_empty_is_written(bool is) noexcept {
    empty_is_written = is;
}

}  // namespace vmio::detail
