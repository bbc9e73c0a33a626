// SPDX-License-Identifier: BSL-1.0
#include <vmio/search.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <vmio/memory_map.hpp>
#include <vmio/region_reader.hpp>

#include "walk/region_source.hpp"
#include "walk/seam_search.hpp"

namespace vmio {
namespace {

/// What the threads of one search share.
class search_run {
public:
    search_run(const process_memory& memory, const byte_pattern& pattern, const std::function<bool(address)>& found,
               const search_options& options)
        : memory_(memory), pattern_(pattern), found_(found), options_(options) {
        if (options.alignment == 0) throw std::invalid_argument("vmio::search: the alignment is 0");
        constexpr std::size_t default_chunk_size = std::size_t{512} << 10;  // stays in a cache close to the processor
        if (options_.chunk_size == 0) options_.chunk_size = default_chunk_size;
    }

    search_summary run() {
        if (options_.threads > 1)
            run_threads(slices(parts()));
        else {
            if (options_.progress) ranges();
            search_within(options_.regions.within, options_.regions.within.end());
        }
        summary_.stopped = stopped_;
        return summary_;
    }

private:
    /// What is to be searched.
    std::vector<address_range> ranges() {
        auto all = memory_map::load(memory_.target()).ranges([&](const mapping& m) {
            return detail::is_region(m) && (!options_.regions.wanted || options_.regions.wanted(m));
        });
        for (address_range& range : all) {
            range = range.intersection(options_.regions.within);
            total_ += range.size();
        }
        return all;
    }

    struct part {
        address_range range;
        bool empty;  // known to hold no data
    };

    /// The same; of what is large, that which costs no time is told apart.
    std::vector<part> parts() {
        constexpr std::uint64_t large = std::uint64_t{1} << 30;
        region_options how = region_options::from(options_.regions);
        how.chunk_size = std::size_t{4} << 20;
        how.max_fetched_size = std::numeric_limits<std::size_t>::max();
        std::vector<part> all;
        const auto add = [&](const address_range& range, bool empty) {
            if (!all.empty() && all.back().empty == empty && all.back().range.end() == range.start())
                all.back().range = {all.back().range.start(), range.end()};
            else
                all.push_back({range, empty});
        };
        for (const address_range& range : ranges()) {
            if (range.size() < large || pattern_.matches_zeros()) {
                add(range, false);
                continue;
            }
            how.within = range;
            region_reader reader(memory_, how);
            while (reader.next()) add(reader.range(), reader.range().size() > how.chunk_size);
        }
        return all;
    }

    /// For the threads: many, so that they end together, but each worth a reader of its own. A slice may hold many
    /// small ranges.
    std::vector<address_range> slices(const std::vector<part>& parts) const {
        constexpr std::uint64_t least = std::uint64_t{4} << 20;
        constexpr std::uint64_t most = std::uint64_t{1} << 30;
        std::uint64_t total = 0;
        for (const part& p : parts) total += p.empty ? 0 : p.range.size();
        const std::uint64_t size = align_down(std::clamp(total / options_.threads / 16, least, most), page_size());
        std::vector<address_range> all;
        std::uint64_t room = 0;
        for (const part& p : parts)
            for (address_range rest = p.range; !rest.empty();) {
                if (all.empty() || (room == 0 && !p.empty)) {
                    all.emplace_back(rest.start(), rest.start());
                    room = size;
                }
                const std::uint64_t taken = p.empty ? rest.size() : std::min(room, rest.size());
                rest = {rest.start() + taken, rest.end()};
                all.back() = {all.back().start(), rest.start()};
                if (!p.empty) room -= taken;
            }
        return all;
    }

    void run_threads(const std::vector<address_range>& slices) {
        std::atomic<std::size_t> next_slice{0};
        std::exception_ptr failure;
        const auto work = [&] {
            try {
                for (std::size_t i = next_slice++; i < slices.size() && !stopped_; i = next_slice++) {
                    // A match may begin in one slice and end in the next.
                    const address end = slices[i].end();
                    const address reach = std::min(pattern_.size() - 1, options_.regions.within.end() - end);
                    search_within({slices[i].start(), end + reach}, end);
                }
            } catch (...) {
                const std::lock_guard lock(mutex_);
                if (!failure) failure = std::current_exception();
                stopped_ = true;
            }
        };
        std::vector<std::jthread> others;
        try {
            for (std::size_t i = 1; i < std::min<std::size_t>(options_.threads, slices.size()); ++i)
                others.emplace_back(work);
        } catch (const std::system_error&) {
            // No more threads to be had: those that run do it all.
        } catch (...) {
            stopped_ = true;  // or those that run would search it all before this gets out
            throw;
        }
        work();
        others.clear();
        if (failure) std::rethrow_exception(failure);
    }

    /// What lies at or above `limit` is not counted.
    void search_within(const address_range& range, address limit) {
        region_options how = region_options::from(options_.regions);
        how.chunk_size = options_.chunk_size;
        how.max_fetched_size = std::numeric_limits<std::size_t>::max();
        how.within = range;
        how.join_empty = !pattern_.matches_zeros();
        detail::seam_search seams(pattern_, options_.alignment);
        region_reader reader(memory_, std::move(how));
        while (!stopped_ && reader.next()) {
            const std::span<const std::byte> bytes = reader.fetch();
            const address start = reader.range().start();
            each_part(reader, [&](const address_range& part) {
                return seams.add(part.start(), bytes.subspan(part.start() - start, part.size()),
                                 [&](address at) { return report(at); });
            });
            finish_chunk(reader, limit);
        }
    }

    /// Calls each(range) for what is to be looked at of a chunk: neither gaps, nor the middle of long runs of zeros.
    template <class F>
    void each_part(const region_reader& chunk, F&& each) const {
        const std::size_t reach = pattern_.size() - 1;
        auto gap = chunk.gaps().begin();
        auto zeros = chunk.untouched().begin();
        const auto zeros_end = pattern_.matches_zeros() ? zeros : chunk.untouched().end();
        address at = chunk.range().start();
        while (at < chunk.range().end()) {
            address_range left_out(chunk.range().end(), chunk.range().end());
            while (zeros != zeros_end && (zeros->size() <= 2 * reach || zeros->end() - reach <= at)) ++zeros;
            while (gap != chunk.gaps().end() && gap->end() <= at) ++gap;
            if (zeros != zeros_end) left_out = {zeros->start() + reach, zeros->end() - reach};
            if (gap != chunk.gaps().end() && gap->start() < left_out.start()) left_out = *gap;
            if (at < left_out.start() && !each(address_range(at, left_out.start()))) return;
            at = std::max(at, left_out.end());
        }
    }

    bool report(address at) {
        const std::lock_guard lock(mutex_);
        if (stopped_) return false;
        ++summary_.matches;
        if (!found_(at)) stopped_ = true;
        return !stopped_;
    }

    void finish_chunk(const region_reader& chunk, address limit) {
        const std::lock_guard lock(mutex_);
        // What a slice has of the next one is counted there.
        const address_range counted(0, limit);
        summary_.searched += chunk.range().intersection(counted).size();
        for (const address_range& gap : chunk.gaps()) summary_.unreadable += gap.intersection(counted).size();
        if (stopped_) return;
        const search_progress now{summary_.searched, total_, chunk.range().end(), summary_.matches};
        if (options_.stop.stop_requested() || (options_.progress && !options_.progress(now))) stopped_ = true;
    }

    const process_memory& memory_;
    const byte_pattern& pattern_;
    const std::function<bool(address)>& found_;
    search_options options_;

    std::uint64_t total_ = 0;
    std::atomic<bool> stopped_{false};

    std::mutex mutex_;  // of what follows, and of what we call
    search_summary summary_;
};

}  // namespace

search_summary search(const process_memory& memory, const byte_pattern& pattern,
                      const std::function<bool(address)>& found, const search_options& options) {
    return search_run(memory, pattern, found, options).run();
}

std::vector<address> search(const process_memory& memory, const byte_pattern& pattern, const search_options& options) {
    std::vector<address> all;
    const auto keep = [&](address at) {
        all.push_back(at);
        return true;
    };
    search(memory, pattern, keep, options);
    std::sort(all.begin(), all.end());
    return all;
}

}  // namespace vmio
