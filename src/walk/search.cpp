// SPDX-License-Identifier: BSL-1.0
#include <vmio/search.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <new>
#include <stdexcept>
#include <vector>

#include <vmio/error.hpp>
#include <vmio/region_reader.hpp>

#include "base/cancellation.hpp"
#include "base/mmap_region.hpp"
#include "base/system_error.hpp"
#include "base/worker_thread.hpp"
#include "walk/seam_search.hpp"
#include "walk/search_slices.hpp"

namespace vmio {
namespace {

/// The state that the threads of one search share.
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
        std::vector<address_range> ranges;
        if (options_.threads > 1 || options_.progress) ranges = detail::searched_ranges(memory_, options_);
        for (const address_range& range : ranges) total_ += range.size();
        // More threads pay off only with more data than that, which is not known before: to look for it costs as much
        // as to search memory that is only reserved.
        constexpr std::uint64_t little = std::uint64_t{8} << 20;
        const address_range& all = options_.regions.within;
        address done = all.start();
        bool whole = false;
        try {
            whole = search_within({all, all}, done, options_.threads > 1 ? little : unlimited);
        } catch (...) {
            if (options_.threads <= 1 || failure_ || !is_shortage()) throw;
        }
        if (!whole) search_rest(done, ranges);
        summary_.stopped = stopped_;
        return summary_;
    }

private:
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

    /// From `done` on, with matches that begin below it and end above.
    void search_rest(address done, std::vector<address_range>& ranges) {
        const address_range rest(done, options_.regions.within.end());
        for (address_range& range : ranges) range = range.intersection(rest);
        std::vector<detail::search_slice> slices = detail::search_slices(memory_, pattern_, options_, ranges);
        if (slices.empty()) return;
        address_range& first = slices.front().range;
        first = {std::max(options_.regions.within.start(), first_unreported(done)), first.end()};
        run_threads(std::move(slices));
    }

    /// Where the first match may begin that is not reported yet, if all below `done` has been searched.
    address first_unreported(address done) const noexcept {
        return done - std::min<address>(done, pattern_.size() - 1);
    }

    void run_threads(std::vector<detail::search_slice> slices) {
        // A callback that is cancelled would unwind past threads that use this object.
        const detail::cancellation_disabled now;
        std::reverse(slices.begin(), slices.end());
        left_ = std::move(slices);
        left_.reserve(left_.size() + options_.threads);  // what threads give back, which must not fail
        const std::size_t most = std::min<std::size_t>(options_.threads, left_.size());
        std::vector<detail::worker_thread> others;
        // Kept for what this thread will need when the others have ended: their stacks stay mapped, for later threads.
        detail::mmap_region room;
        try {
            constexpr std::size_t beside_a_chunk = std::size_t{2} << 20;
            if (most > 1)
                room = detail::mmap_region(-1, options_.chunk_size + beside_a_chunk, PROT_NONE,
                                           MAP_PRIVATE | MAP_ANONYMOUS);
            for (std::size_t i = 1; i < most; ++i) others.emplace_back([this] { work(); });
        } catch (const std::exception&) {
            // No more threads to be had, or no memory for them: those that run search it all.
        }
        room = {};
        work();
        others.clear();
        // Slices that a thread had no memory for while the others ran.
        while (!left_.empty() && !stopped_) search_next();
        if (failure_) std::rethrow_exception(failure_);
    }

    /// Whether the exception in flight says that this process has run out of memory or descriptors.
    static bool is_shortage() noexcept {
        try {
            throw;
        } catch (const std::bad_alloc&) {
            return true;
        } catch (const memory_error& e) {
            return detail::is_exhaustion(e.code());
        } catch (...) {
            return false;
        }
    }

    /// What each thread does, until nothing is left or it has no memory for a buffer.
    void work() noexcept {
        try {
            while (search_next()) {
            }
        } catch (...) {
            if (is_shortage()) return;  // a callback's is a failure already
            const std::lock_guard lock(mutex_);
            fail();
        }
    }

    /// Returns false if there are no more slices. One that cannot be finished for want of memory or descriptors is
    /// given back, without what has been searched of it.
    bool search_next() {
        detail::search_slice next;
        {
            const std::lock_guard lock(mutex_);
            if (left_.empty() || stopped_) return false;
            next = left_.back();
            left_.pop_back();
        }
        address done = next.counted.start();
        try {
            search_within(next, done, unlimited);
        } catch (...) {
            if (!is_shortage()) throw;
            const std::lock_guard lock(mutex_);
            const address first = std::max(next.range.start(), first_unreported(done));
            if (done < next.counted.end()) left_.push_back({{first, next.range.end()}, {done, next.counted.end()}});
            throw;
        }
        return true;
    }

    /// `done`: what lies below has been searched and counted; matches that end there have been reported, no others.
    /// Returns false if it ended early, because more than `most` bytes had to be read.
    bool search_within(const detail::search_slice& cut, address& done, std::uint64_t most) {
        region_options how = region_options::from(options_.regions);
        how.chunk_size = options_.chunk_size;
        how.max_fetched_size = std::numeric_limits<std::size_t>::max();
        how.within = cut.range;
        how.join_empty = !pattern_.matches_zeros();
        detail::seam_search seams(pattern_, options_.alignment);
        region_reader reader(memory_, std::move(how));
        std::uint64_t read = 0;
        while (!stopped_ && reader.next()) {
            const std::span<const std::byte> bytes = reader.fetch();
            const address start = reader.range().start();
            each_part(reader, [&](const address_range& found_in) {
                read += found_in.size();
                return seams.add(found_in.start(), bytes.subspan(found_in.start() - start, found_in.size()),
                                 [&](address at) { return report(at); });
            });
            finish_chunk(reader, cut.counted);
            done = std::min(reader.range().end(), cut.counted.end());
            if (read > most && !stopped_) return false;
        }
        return true;
    }

    /// Calls each(range) for the parts of a chunk to be searched: without gaps and the middle of long runs of zeros.
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

    /// The exception in flight ends the search. Under the mutex.
    void fail() noexcept {
        if (!failure_) failure_ = std::current_exception();
        stopped_ = true;
    }

    /// Calls back, under the mutex. What a callback lacks ends the search, unlike what a thread lacks.
    template <class F>
    bool ask(F&& f) {
        try {
            return f();
        } catch (const std::exception&) {
            fail();
            throw;
        }
    }

    bool report(address at) {
        const std::lock_guard lock(mutex_);
        if (stopped_) return false;
        ++summary_.matches;
        if (!ask([&] { return found_(at); })) stopped_ = true;
        return !stopped_;
    }

    /// What a slice has of the next one is counted there.
    void finish_chunk(const region_reader& chunk, const address_range& counted) {
        const std::lock_guard lock(mutex_);
        summary_.searched += chunk.range().intersection(counted).size();
        for (const address_range& gap : chunk.gaps()) summary_.unreadable += gap.intersection(counted).size();
        if (stopped_) return;
        const search_progress now{summary_.searched, total_, chunk.range().end(), summary_.matches};
        if (options_.stop && ask(options_.stop)) stopped_ = true;
        if (!stopped_ && options_.progress && !ask([&] { return options_.progress(now); })) stopped_ = true;
    }

    const process_memory& memory_;
    const byte_pattern& pattern_;
    const std::function<bool(address)>& found_;
    search_options options_;

    std::uint64_t total_ = 0;
    std::atomic<bool> stopped_{false};

    std::mutex mutex_;  // of what follows, and of what we call
    std::vector<detail::search_slice> left_;
    std::exception_ptr failure_;
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
