// SPDX-License-Identifier: BSL-1.0
#include <vmio/block_scanner.hpp>

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include <boost/sort/pdqsort/pdqsort.hpp>

#include "base/cancellation.hpp"
#include "base/system_error.hpp"
#include "base/worker_thread.hpp"
#include "transfer/huge_buffer.hpp"
#include "transfer/iovec_batch.hpp"

namespace vmio {

std::string to_string(const memory_block& block) {
    // The range of an empty block at its address has the text of the address.
    const std::string range = to_string(address_range(block.start, block.start));
    return std::to_string(block.size) + " bytes at " + range.substr(1, range.find(',') - 1);
}

std::string to_string(const block_result& result) {
    std::string text = to_string(memory_block{result.start, result.size});
    if (result.bytes.size() != result.size) text += ": " + std::to_string(result.bytes.size()) + " read";
    if (result.truncated) text += ", the limit";
    if (result.error) text += ", " + result.error.message();
    return text;
}

namespace {

constexpr std::size_t most_runs = detail::iovec_batch::max_pieces;
/// Up to so many bytes between two blocks it costs less to read them too than to use another iovec.
constexpr std::uint64_t widest_gap = 4096;
constexpr std::size_t most_in_gaps = std::size_t{256} << 10;
constexpr std::size_t worth_a_thread = 8192;  // blocks, which take some milliseconds

/// The part of a block to be read: limited by max_bytes and the top of the address space; never empty.
struct piece {
    address start;
    std::uint64_t size;
    std::size_t index;  // of the result

    address end() const noexcept { return start + size; }
};

/// One read for several pieces, which overlap, touch or share a page:
///
///     |------ page ------|------ page ------|------ page ------|
///          |=================|     gap     |=====|
///                  |======|                  |=========|
///
/// A gap lies in a page that pieces on both sides of it touch, so no page is touched because of it.
struct run {
    std::span<const piece> pieces;  // sorted
    address end;

    address start() const noexcept { return pieces.front().start; }
};

bool bridges(address end, address start) noexcept {
    return start - end <= widest_gap && align_down(end - 1, page_size()) == align_down(start, page_size());
}

/// The pieces of all blocks, sorted.
class piece_list {
public:
    piece_list(std::span<const memory_block> blocks, std::size_t max_bytes)
        : buffer_(detail::make_huge_buffer(blocks.size() * sizeof(piece))) {
        auto* const pieces = reinterpret_cast<piece*>(buffer_.get());
        std::size_t count = 0;
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            const auto& [start, size] = blocks[i];
            const std::uint64_t readable = std::min({size, std::uint64_t{max_bytes}, ~start});
            if (readable > 0) ::new (pieces + count++) piece{start, readable, i};
        }
        boost::sort::pdqsort_branchless(pieces, pieces + count,
                                        [](const piece& a, const piece& b) { return a.start < b.start; });
        pieces_ = {pieces, count};
    }

    std::span<const piece> get() const noexcept { return pieces_; }

private:
    std::shared_ptr<std::byte> buffer_;
    std::span<const piece> pieces_;
};

/// The sizes are the caller's, so their sum may overflow.
std::size_t sum(std::size_t a, std::size_t b) {
    if (b > std::numeric_limits<std::size_t>::max() - a) throw std::bad_alloc();
    return a + b;
}

/// The work of one thread, and the room that it needs if everything can be read.
struct share {
    std::span<const piece> pieces;
    std::size_t room = 0;
    std::byte* to = nullptr;
    std::size_t kept = 0;
    std::exception_ptr failure{};
    detail::worker_thread worker{};
};

/// Cuts the pieces into at most `most` shares, where no piece reaches into the next.
std::vector<share> shares_of(std::span<const piece> pieces, std::size_t most) {
    const std::size_t each = pieces.size() / most + 1;
    std::vector<share> shares;
    std::size_t first = 0;
    std::size_t wanted = 0;
    std::size_t in_gaps = 0;
    address end = 0;
    for (std::size_t i = 0; i <= pieces.size(); ++i) {
        const bool last = i == pieces.size();
        if (last || (pieces[i].start > end && i - first >= each)) {
            shares.push_back(
                {.pieces = pieces.subspan(first, i - first), .room = sum(wanted, std::min(in_gaps, most_in_gaps))});
            if (last) break;
            first = i;
            wanted = in_gaps = 0;
        }
        const piece& p = pieces[i];
        if (i > first && p.start > end && bridges(end, p.start)) in_gaps += p.start - end;
        if (p.end() > end) wanted += p.end() - std::max(p.start, end);
        end = std::max(end, p.end());
    }
    return shares;
}

/// Reads a share of the pieces, a batch of runs at a time.
class share_reading {
public:
    share_reading(std::span<const piece> pieces, const detail::block_reader& move, std::uint64_t unit,
                  block_result* results)
        : left_(pieces), move_(move), unit_(unit), results_(results) {}

    /// Reads everything to `to`; returns how many bytes that is.
    std::size_t read(std::byte* const to) {
        std::byte* end = to;
        while (plan()) {
            do {
                aim(end);
                move_(blocks_, transfers_);
                end = settle(end);
            } while (!runs_.empty());
        }
        return static_cast<std::size_t>(end - to);
    }

private:
    /// Takes the next runs from what is left; false if nothing is left.
    bool plan() {
        std::size_t in_gaps = 0;
        while (!left_.empty() && runs_.size() < most_runs && in_gaps <= most_in_gaps) {
            address end = left_.front().end();
            std::size_t count = 1;
            for (; count < left_.size(); ++count) {
                const piece& p = left_[count];
                if (p.start > end && !bridges(end, p.start)) break;
                if (p.start > end && (in_gaps += p.start - end) > most_in_gaps) break;
                end = std::max(end, p.end());
            }
            runs_.push_back({left_.first(count), end});
            left_ = left_.subspan(count);
        }
        return !runs_.empty();
    }

    /// Prepares to read the runs one behind the other, including their gaps.
    void aim(std::byte* to) {
        blocks_.clear();
        for (const run& r : runs_) {
            const auto size = static_cast<std::size_t>(r.end - r.start());
            blocks_.push_back({r.start(), {to, size}});
            to += size;
        }
        transfers_.resize(blocks_.size());
    }

    /// Fills in the results and moves their bytes to `to`, without the gaps. Pieces beyond a hole become the next runs.
    std::byte* settle(std::byte* to) noexcept {
        std::size_t again = 0;
        for (std::size_t i = 0; i < blocks_.size(); ++i) {
            const run r = runs_[i];
            const auto& [moved, error] = transfers_[i];
            const address stop = r.start() + moved;
            std::size_t settled = r.pieces.size();
            if (stop < r.end) {
                const auto not_beyond = [&](const piece& p) {
                    return align_down(p.start, unit_) <= align_down(stop, unit_);
                };
                settled = static_cast<std::size_t>(std::partition_point(r.pieces.begin(), r.pieces.end(), not_beyond) -
                                                   r.pieces.begin());
                if (settled < r.pieces.size()) runs_[again++] = {r.pieces.subspan(settled), r.end};
            }
            to = answer(r.pieces.first(settled), blocks_[i], stop, error, to);
        }
        runs_.resize(again);
        return to;
    }

    std::byte* answer(std::span<const piece> pieces, const remote_block& from, address stop,
                      const std::error_code& error, std::byte* to) noexcept {
        while (!pieces.empty()) {
            // Those that overlap or touch share one stretch of bytes.
            const address start = pieces.front().start;
            address end = start;
            std::size_t count = 0;
            while (count < pieces.size() && pieces[count].start <= end) end = std::max(end, pieces[count++].end());
            const auto kept = static_cast<std::size_t>(std::min(end, std::max(start, stop)) - start);
            const std::byte* const source = from.bytes.data() + (start - from.start);
            if (to != source) std::memmove(to, source, kept);
            for (const piece& p : pieces.first(count)) {
                const auto offset = std::min(kept, static_cast<std::size_t>(p.start - start));
                block_result& result = results_[p.index];
                result.bytes = {to + offset, std::min(static_cast<std::size_t>(p.size), kept - offset)};
                if (result.bytes.size() < p.size) result.error = error;
            }
            to += kept;
            pieces = pieces.subspan(count);
        }
        return to;
    }

    std::span<const piece> left_;  // in no run yet
    const detail::block_reader& move_;
    const std::uint64_t unit_;
    block_result* const results_;
    std::vector<run> runs_;
    std::vector<remote_block> blocks_;
    std::vector<block_transfer> transfers_;
};

}  // namespace

block_scan detail::scan_blocks_by(std::span<const memory_block> blocks, std::size_t max_bytes, const block_reader& move,
                                  std::uint64_t unit, unsigned threads) {
    static_assert(std::is_trivially_destructible_v<block_result>, "they end with their storage");
    const piece_list pieces(blocks, max_bytes);
    auto shares =
        shares_of(pieces.get(), std::clamp<std::size_t>(blocks.size() / worth_a_thread, 1, std::max(threads, 1u)));
    const std::size_t size_of_results = blocks.size() * sizeof(block_result);
    std::size_t size_of_all = size_of_results;
    for (const share& s : shares) size_of_all = sum(size_of_all, s.room);
    const auto storage = detail::make_huge_buffer(size_of_all);
    auto* const results = reinterpret_cast<block_result*>(storage.get());
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const auto& [start, size] = blocks[i];
        const bool past_the_top = std::min<std::uint64_t>(size, max_bytes) > ~start;
        ::new (results + i) block_result{
            start, size, {}, size > max_bytes, past_the_top ? detail::system_error_of(EFAULT) : std::error_code()};
    }

    std::byte* to = storage.get() + size_of_results;
    const auto read = [&](share& s) noexcept {
        try {
            s.kept = share_reading(s.pieces, move, unit, results).read(s.to);
        } catch (...) {
            s.failure = std::current_exception();
        }
    };
    const detail::cancellation_disabled now;  // read() and the threads would not survive it
    for (share& s : shares) {
        s.to = to;
        to += s.room;
        if (&s != &shares.back()) detail::run_in(s.worker, [&] { read(s); });
    }
    for (share& s : shares)
        if (!s.worker.joinable()) read(s);
    for (share& s : shares)
        if (s.worker.joinable()) s.worker.join();
    block_scan scan;
    for (const share& s : shares) {
        if (s.failure) std::rethrow_exception(s.failure);
        scan.bytes_kept_ += s.kept;
    }
    scan.results_ = {results, blocks.size()};
    scan.storage_ = storage;
    return scan;
}

block_scan scan_blocks(const process_memory& memory, std::span<const memory_block> blocks, std::size_t max_bytes) {
    const auto move = [&memory](std::span<const remote_block> wanted, std::span<block_transfer> results) {
        memory.read_blocks(wanted, results);
    };
    return detail::scan_blocks_by(blocks, max_bytes, move, page_size(), memory.options().threads);
}

}  // namespace vmio
