// SPDX-License-Identifier: BSL-1.0
#include "proc/pagemap_walk.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <unistd.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/line_reader.hpp"
#include "proc/maps_text.hpp"
#include "proc/pagemap_scan.hpp"

namespace vmio::detail {
namespace {

/// Number of pages for which the kernel holds the target's mmap lock at a time; a higher number gains nothing.
constexpr std::uint64_t pages_a_call = 16384;

constexpr page_state flag(std::uint64_t bits, std::uint64_t bit, page_state state) noexcept {
    return (bits & bit) != 0 ? state : page_state::none;
}

page_state state_of_categories(std::uint64_t c) noexcept {
    return flag(c, pagemap::is_present, page_state::present) | flag(c, pagemap::is_swapped, page_state::swapped) |
           flag(c, pagemap::is_file, page_state::file) | flag(c, pagemap::is_zero_page, page_state::zero_page) |
           flag(c, pagemap::is_huge, page_state::huge) | flag(c, pagemap::is_guard, page_state::guard);
}

page_state state_of_entry(std::uint64_t e) noexcept {
    if (pagemap::is_marker(e)) {
        const std::uint64_t flags = pagemap::swap_offset(e);
        return flag(flags, pagemap::marker_poisoned, page_state::poisoned) |
               flag(flags, pagemap::marker_guard, page_state::guard);
    }
    return flag(e, pagemap::entry_present, page_state::present) | flag(e, pagemap::entry_swapped, page_state::swapped) |
           flag(e, pagemap::entry_file, page_state::file) | flag(e, pagemap::entry_guard, page_state::guard);
}

/// Adds pages that a scan has reported as swapped and that are not guards. PTE markers, which hold no data, are
/// reported likewise; only the entries distinguish them, and only for a reader with CAP_SYS_ADMIN, else `readable`
/// becomes false.
bool add_swapped(int pagemap, const pagemap::region& r, page_state state, bool& readable, page_runs& runs) {
    std::array<std::uint64_t, 512> entries;
    address at = r.start;
    while (readable && at < r.end) {
        const auto most = std::min<std::uint64_t>(entries.size(), (r.end - at) / page_size());
        const ssize_t got = sys::pread(pagemap, entries.data(), static_cast<std::size_t>(most) * sizeof entries[0],
                                       static_cast<off_t>(at / page_size() * sizeof entries[0]));
        if (got < static_cast<ssize_t>(sizeof entries[0])) break;
        const std::size_t count = static_cast<std::size_t>(got) / sizeof entries[0];
        for (std::size_t i = 0; i < count; ++i, at += page_size()) {
            const std::uint64_t e = entries[i];
            if ((e & pagemap::entry_swapped) != 0 && pagemap::swap_offset(e) == 0) {
                readable = false;
                break;
            }
            // If the page has changed since the scan, its new state counts.
            if (!runs.add(at, at + page_size(), pagemap::is_marker(e) ? state_of_entry(e) : state)) return false;
        }
    }
    return at == r.end || runs.add(at, r.end, state);
}

/// The categories that the kernel has to find: fewer are faster, and make fewer regions.
std::uint64_t categories_for(page_state wanted) noexcept {
    std::uint64_t categories = pagemap::is_present | pagemap::is_swapped | pagemap::is_guard;
    if (has(wanted, page_state::file | page_state::changed)) categories |= pagemap::is_file;
    if (has(wanted, page_state::zero_page | page_state::data | page_state::changed))
        categories |= pagemap::is_zero_page;
    if (has(wanted, page_state::huge)) categories |= pagemap::is_huge;
    return categories;
}

/// Scans no page, at `end`.
std::error_code scan_nothing(int pagemap, address end) noexcept {
    pagemap::region ignored;
    pagemap::scan nothing{};
    nothing.size = sizeof nothing;
    nothing.start = nothing.end = end;
    nothing.vec = reinterpret_cast<std::uintptr_t>(&ignored);
    nothing.vec_len = 1;
    return ::ioctl(pagemap, pagemap::request, &nothing) == 0 ? std::error_code() : last_system_error();
}

/// Returns: the highest end of a range that the kernel does not refuse with EFAULT: the end of user addresses.
address users_end(int pagemap) noexcept {
    const auto accepts = [pagemap](address end) { return scan_nothing(pagemap, end).value() != EFAULT; };
    // Ascending, since far above that end an architecture may ignore bits of an address as a tag.
    address top = page_size();
    while (top << 1 != 0 && accepts(top << 1)) top <<= 1;
    for (address step = top >> 1; step >= page_size(); step >>= 1)
        if (accepts(top + step)) top += step;
    return top;
}

/// EINVAL: a flag that only a later kernel has.
bool is_refusal(int error) noexcept {
    return error == ENOTTY || error == EINVAL || error == ENOSYS || error == EPERM || error == EACCES;
}

}  // namespace

bool can_scan(int pagemap) noexcept {
    return !is_refusal(scan_nothing(pagemap, page_size()).value());
}

walk_result walk_by_scan(int pagemap, address& at, address end, page_state wanted, page_runs& runs,
                         std::error_code& ec) {
    std::array<pagemap::region, 512> found;
    constexpr page_state doubtful =
        page_state::swapped | page_state::data | page_state::changed | page_state::absent | page_state::poisoned;
    bool swap_types_known = true;  // until an entry shows that they are hidden from this process
    pagemap::scan scan{};
    scan.size = sizeof scan;
    scan.vec = reinterpret_cast<std::uintptr_t>(found.data());
    scan.vec_len = std::min<std::uint64_t>(found.size(), (end - at) / page_size());
    std::fill_n(found.begin(), scan.vec_len,
                pagemap::region{});  // for memory checkers, which do not know that the kernel writes it
    scan.max_pages = pages_a_call;
    scan.category_anyof_mask = pagemap::is_present | pagemap::is_swapped;
    scan.return_mask = categories_for(wanted);
    while (at < end) {
        scan.start = at;
        scan.end = end;
        const int count = ::ioctl(pagemap, pagemap::request, &scan);
        if (count < 0) {
            ec = last_system_error();
            if (ec.value() == EINVAL && (scan.return_mask & pagemap::is_guard) != 0) {
                scan.return_mask &= ~pagemap::is_guard;  // before Linux 6.15
            } else if (const address top = ec.value() == EFAULT ? users_end(pagemap) : end; top < end) {
                end = top;
            } else {
                return is_refusal(ec.value()) ? walk_result::refused : walk_result::failed;
            }
            continue;
        }
        if (scan.walk_end <= at) return walk_result::refused;  // else this loop would not terminate
        for (int i = 0; i < count; ++i) {
            const pagemap::region& r = found[static_cast<std::size_t>(i)];
            const page_state state = state_of_categories(r.categories);
            const bool in_doubt =
                has(wanted, doubtful) && has(state, page_state::swapped) && !has(state, page_state::guard);
            if (!(in_doubt ? add_swapped(pagemap, r, state, swap_types_known, runs) : runs.add(r.start, r.end, state)))
                return walk_result::enough;
        }
        at = scan.walk_end;
    }
    return walk_result::over;
}

namespace {

/// Reads the entries of [at, end), mapped or not: unmapped pages have entries of 0.
walk_result walk_entries(int pagemap, address& at, address end, page_runs& runs, std::error_code& ec) {
    std::array<std::uint64_t, 1024> entries;
    while (at < end) {
        const auto most = std::min<std::uint64_t>(entries.size(), (end - at) / page_size());
        const ssize_t got = sys::pread(pagemap, entries.data(), static_cast<std::size_t>(most) * sizeof entries[0],
                                       static_cast<off_t>(at / page_size() * sizeof entries[0]));
        if (got < 0) {
            ec = last_system_error();
            return walk_result::failed;
        }
        if (got == 0) break;  // above user addresses
        const std::size_t count = static_cast<std::size_t>(got) / sizeof entries[0];
        for (std::size_t i = 0; i < count; ++i, at += page_size())
            if (entries[i] != 0 && !runs.add(at, at + page_size(), state_of_entry(entries[i])))
                return walk_result::enough;
    }
    return walk_result::over;
}

}  // namespace

walk_result walk_by_entries(int pagemap, int maps, address& at, address end, page_runs& runs, std::error_code& ec) {
    // Reading so many entries takes as long as a list of some hundred mappings.
    constexpr std::uint64_t few_pages = 16384;
    if ((end - at) / page_size() <= few_pages) return walk_entries(pagemap, at, end, runs, ec);
    line_reader lines(maps);
    for (std::string_view line; at < end && lines.next(line);) {
        const address_range mapped = range_of_line(line).intersection({at, end});
        if (mapped.empty()) continue;
        at = mapped.start();
        const walk_result result = walk_entries(pagemap, at, mapped.end(), runs, ec);
        if (result != walk_result::over) return result;
    }
    ec = lines.error();
    return ec ? walk_result::failed : walk_result::over;
}

}  // namespace vmio::detail
