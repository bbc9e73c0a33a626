// SPDX-License-Identifier: BSL-1.0
#include "piece_reader.hpp"

#include <algorithm>

#include <vmio/query_mapping.hpp>

namespace vmio {
namespace {

constexpr std::size_t blocks_a_call = 512;

}  // namespace

void piece_reader::read(const region_source& source, const address_range& range, std::size_t offset,
                        std::vector<memory_gap>& gaps) {
    start_ = range.start();
    offset_ = offset;
    bool any_zeros = false;
    source.pieces(range, [&](const region_piece& piece) {
        switch (piece.from) {
            case region_piece::origin::memory:
                blocks_.push_back({piece.range.start(), writable(piece.range)});
                if (blocks_.size() == blocks_a_call) read_blocks(gaps);
                break;
            case region_piece::origin::file: read_file(source, piece.range, gaps); break;
            case region_piece::origin::zeros:
                zero(piece.range);
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

void piece_reader::read_file(const region_source& source, const address_range& range, std::vector<memory_gap>& gaps) {
    constexpr std::uint64_t worth_asking_for_holes = std::uint64_t{256} << 10;
    const backing_file& file = *source.file();
    const std::uint64_t size = file.size();
    std::error_code ec;
    for (address at = range.start(); at < range.end();) {
        const std::uint64_t offset = source.offset_of(at);
        const std::uint64_t left = range.end() - at;
        address_range step(at, range.end());
        if (offset >= size) {
            // The rest of the last page is zero; pages behind it are none.
            const std::uint64_t of_page = std::min(left, -offset & (page_size() - 1));
            step = address_range::of_size(at, of_page > 0 ? of_page : left);
            zero(step);
            if (of_page == 0) gaps.push_back({step, gap_reason::past_end_of_file});
        } else if (const std::uint64_t data = left >= worth_asking_for_holes ? file.next_data(offset) : offset;
                   data > offset) {
            step = address_range::of_size(at, std::min(left, std::min(data, size) - offset));
            zero(step);
        } else {
            step = address_range::of_size(at, std::min(left, size - offset));
            const std::size_t got = file.read_some(offset, writable(step), ec);
            if (ec) {
                // It has been cut short meanwhile, or the disk is broken.
                step = address_range(at, std::min(step.end(), align_down(at, page_size()) + page_size()));
                zero(step);
                gaps.push_back({step, gap_reason::input_output});
            } else {
                step = address_range::of_size(at, got);
            }
        }
        at = step.end();
    }
}

/// Page tables say the same of a page that was never touched and of one that has just been unmapped.
void piece_reader::check_mapped(const address_range& range, std::vector<memory_gap>& gaps) {
    for (address at = range.start(); at < range.end();) {
        const auto m = query_mapping(memory_.target(), at, mapping_lookup::next_after);
        const address start = m ? std::min(range.end(), std::max(at, m->range.start())) : range.end();
        if (start > at) {
            zero({at, start});
            gaps.push_back({{at, start}, gap_reason::unmapped});
        }
        at = m ? std::max(start, m->range.end()) : range.end();
    }
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

}  // namespace vmio
