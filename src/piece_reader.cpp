// SPDX-License-Identifier: BSL-1.0
#include "piece_reader.hpp"

#include <algorithm>

#include "file_piece.hpp"

namespace vmio {
namespace {

constexpr std::size_t blocks_a_call = 512;

}  // namespace

void piece_reader::read(const region_source& source, const address_range& range, std::size_t offset,
                        std::vector<memory_gap>& gaps, std::vector<address_range>& zeros) {
    start_ = range.start();
    offset_ = offset;
    bool any_zeros = false;
    source.pieces(range, [&](const region_piece& piece) {
        switch (piece.from) {
            case region_piece::origin::memory:
                blocks_.push_back({piece.range.start(), writable(piece.range)});
                if (blocks_.size() == blocks_a_call) read_blocks(gaps);
                break;
            case region_piece::origin::file: read_file(source, piece.range, gaps, zeros); break;
            case region_piece::origin::zeros:
                zero(piece.range);
                append(zeros, piece.range);
                any_zeros = true;
                break;
            case region_piece::origin::gap:
                zero(piece.range);
                gaps.push_back({piece.range, piece.reason});
                break;
        }
    });
    read_blocks(gaps);
    if (any_zeros) check_mapped(range, gaps);
}

void piece_reader::read_blocks(std::vector<memory_gap>& gaps) {
    results_.resize(blocks_.size());
    memory_.read_blocks(blocks_, results_);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
        const auto [moved, error] = results_[i];
        if (!error) continue;
        // It may be a page of many, or the whole process: that tells.
        const auto lost = memory_.read_past_gaps(blocks_[i].start + moved, blocks_[i].bytes.subspan(moved));
        gaps.insert(gaps.end(), lost.begin(), lost.end());
    }
    blocks_.clear();
}

void piece_reader::read_file(const region_source& source, const address_range& range, std::vector<memory_gap>& gaps,
                             std::vector<address_range>& zeros) {
    const std::uint64_t size = source.file()->size();
    for (address at = range.start(); at < range.end();) {
        const auto to = [&](const address_range& r) { return writable(r); };
        const region_piece step = read_from_file(source, size, {at, range.end()}, to);
        if (step.from != region_piece::origin::file) zero(step.range);
        if (step.from == region_piece::origin::zeros) append(zeros, step.range);
        if (step.from == region_piece::origin::gap) gaps.push_back({step.range, step.reason});
        at = step.range.end();
    }
}

/// Page tables say the same of a page that was never touched and of one that has just been unmapped.
void piece_reader::check_mapped(const address_range& range, std::vector<memory_gap>& gaps) {
    for_each_hole(memory_.target(), range, [&](const address_range& hole) {
        zero(hole);
        gaps.push_back({hole, gap_reason::unmapped});
    });
}

void join(std::vector<memory_gap>& gaps) {
    std::sort(gaps.begin(), gaps.end(),
              [](const memory_gap& a, const memory_gap& b) { return a.range.start() < b.range.start(); });
    std::size_t kept = 0;
    for (const memory_gap& gap : gaps) {
        memory_gap* const last = kept > 0 ? &gaps[kept - 1] : nullptr;
        if (last != nullptr && gap.range.start() <= last->range.end() &&
            (gap.reason == last->reason || gap.range.end() <= last->range.end()))
            last->range = {last->range.start(), std::max(last->range.end(), gap.range.end())};
        else
            gaps[kept++] = gap;
    }
    gaps.resize(kept);
}

void append(std::vector<address_range>& ranges, const address_range& range) {
    if (!ranges.empty() && ranges.back().end() == range.start())
        ranges.back() = {ranges.back().start(), range.end()};
    else
        ranges.push_back(range);
}

}  // namespace vmio
