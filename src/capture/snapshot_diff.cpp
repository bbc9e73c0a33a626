// SPDX-License-Identifier: BSL-1.0
#include <vmio/snapshot_diff.hpp>

#include <algorithm>

#include <vmio/error.hpp>

#include "base/range_set.hpp"
#include "capture/compare_live.hpp"
#include "capture/diff_runs.hpp"

namespace vmio {
namespace {

constexpr std::size_t step_size = std::size_t{1} << 16;

/// Precondition: all of `range` was captured in `before`.
void compare(const process_snapshot& before, const address_range& range, const detail::read_function& after,
             detail::diff_runs& runs) {
    std::vector<std::byte> old_bytes(step_size);
    std::vector<std::byte> new_bytes(step_size);
    for (address at = range.start(); at < range.end();) {
        const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(step_size, range.end() - at));
        std::error_code ec;
        const std::size_t got = after(at, std::span(new_bytes).first(most), ec);
        if (got > 0) {
            const std::span<std::byte> old = std::span(old_bytes).first(got);
            before.read(at, old);
            runs.compare(at, old, std::span(new_bytes).first(got));
            at += got;
        } else if (!ec || ec == errc::bad_address) {
            at = std::min(range.end(), align_down(at, page_size()) + page_size());
            runs.interrupt();
        } else {
            throw memory_error("diff", before.process_id(), at, ec);
        }
    }
}

}  // namespace

std::vector<address_range> diff(const process_snapshot& before, const process_snapshot& after,
                                std::uint64_t join_within) {
    detail::diff_runs runs(join_within);
    const detail::read_function read = detail::reading_from(after);
    const std::vector<address_range> stored = detail::united(before.stored(), after.stored());
    for (const address_range& range : detail::intersected(before.ranges(), after.ranges())) {
        runs.interrupt();
        for (const address_range& part : detail::intersected({&range, 1}, stored)) compare(before, part, read, runs);
    }
    return runs.take();
}

std::vector<address_range> diff(const process_snapshot& before, const process_memory& after,
                                std::uint64_t join_within) {
    detail::diff_runs runs(join_within);
    std::vector<std::byte> buffer;
    for (const address_range& range : before.ranges()) {
        runs.interrupt();
        detail::for_each_pair(
            before, after, range, buffer,
            [&](address at, std::span<const std::byte> old, std::span<const std::byte> now) {
                runs.compare(at, old, now);
            },
            [&] { runs.interrupt(); });
    }
    return runs.take();
}

std::vector<address_range> diff_by_reading(const process_snapshot& before, const detail::read_function& after,
                                           std::uint64_t join_within) {
    detail::diff_runs runs(join_within);
    for (const address_range& range : before.ranges()) {
        runs.interrupt();
        compare(before, range, after, runs);
    }
    return runs.take();
}

std::vector<address_range> captured_only_in(const process_snapshot& one, const process_snapshot& other) {
    return detail::without(one.ranges(), other.ranges());
}

}  // namespace vmio
