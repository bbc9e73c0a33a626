// SPDX-License-Identifier: BSL-1.0
#include "walk/empty_run_finder.hpp"

#include <algorithm>
#include <limits>

#include "base/range_set.hpp"

namespace vmio::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_runs = 512;                        // runs of data in one scan of page tables
constexpr std::uint64_t much_data = std::uint64_t{64} << 20;  // with more, the next scan is of a smaller window
constexpr auto long_look = 5ms;

}  // namespace

empty_run empty_run_finder::find(const region_source& source, address at, address end, std::uint64_t least) {
    if (!source.has_runs() || end - at < least) return {};
    std::optional<gap_reason> gap = source.gap_outside();
    const auto long_enough = [&](address stop) { return stop - at >= least; };
    address stop = end;
    if (source.file()) stop = end_of_hole(source, at, end, gap);
    if (long_enough(stop)) stop = first_in_page_tables(source, at, stop);
    if (long_enough(stop)) stop = end_of_mapping(source, at, stop);
    if (!long_enough(stop)) return {};
    return {{at, stop}, gap, until_};
}

void empty_run_finder::forget() noexcept {
    looked_at_ = file_data_ = {};
    data_.clear();
    window_ = least_window;
}

/// Returns where the hole of the file at `at` ends. The last page counts as data: processes that have it mapped may
/// have written behind the end of the file.
address empty_run_finder::end_of_hole(const region_source& source, address at, address end,
                                      std::optional<gap_reason>& gap) {
    const backing_file& file = *source.file();
    const std::uint64_t offset = source.offset_of(at);
    if (file_data_.contains(offset)) return at;
    const std::uint64_t size = file.size();
    if (offset >= align_up(size, page_size())) {
        gap = gap_reason::past_end_of_file;
        return end;
    }
    const std::uint64_t data = std::min(file.next_data(offset), align_down(size, page_size()));
    if (data > offset) return at + std::min(end - at, data - offset);
    file_data_ = {offset, region_source::end_of_data(file, offset)};
    return at;
}

address empty_run_finder::first_in_page_tables(const region_source& source, address at, address end) {
    while (at < end) {
        if (!looked_at_.contains(at) || clock::now() >= until_) look_at_page_tables(source, at, end);
        const address_range* const found = first_above(data_, at);
        if (found != data_.data() + data_.size()) return std::clamp(found->start(), at, end);
        at = looked_at_.end();
    }
    return end;
}

/// The window grows where there is little data.
void empty_run_finder::look_at_page_tables(const region_source& source, address at, address end) {
    const clock::time_point start = clock::now();
    looked_at_ = {at, at + std::min(window_, end - at)};
    data_.clear();
    std::uint64_t size = 0;
    source.look_at(looked_at_, [&](const address_range& data) {
        data_.push_back(data);
        size += data.size();
        return data_.size() < most_runs;
    });
    const bool stopped = data_.size() >= most_runs;
    if (stopped) looked_at_ = {at, std::max(at, std::min(looked_at_.end(), data_.back().end()))};
    const clock::time_point now = clock::now();
    until_ = now + std::max<clock::duration>(10ms, 4 * (now - start));
    if (stopped || size > much_data || now - start > long_look)
        window_ = std::max(window_ / 8, least_window);
    else
        window_ = std::min(window_ * 8, std::uint64_t{1} << 60);
}

/// Page tables look the same where pages were never touched and where nothing is mapped any more.
address empty_run_finder::end_of_mapping(const region_source& source, const address at, const address end) {
    for (address reached = at; reached < end;) {
        vma_info m;
        if (maps_.at_or_above(reached, m) || m.range.start() > reached || !source.shows(m)) return reached;
        reached = m.range.end();
    }
    return end;
}

}  // namespace vmio::detail
