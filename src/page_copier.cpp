// SPDX-License-Identifier: BSL-1.0
#include "page_copier.hpp"

#include <algorithm>
#include <cstring>

#include "file_piece.hpp"
#include "memory_file.hpp"
#include "piece_reader.hpp"
#include "range_set.hpp"

namespace vmio {
namespace {

constexpr std::size_t buffer_size = std::size_t{1} << 18;
constexpr std::size_t blocks_a_call = 512;

bool is_zero(std::span<const std::byte> bytes) noexcept {
    return bytes.front() == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

page_copier::page_copier(process_memory memory, int file, std::uint64_t most, report progress)
    : memory_(std::move(memory)),
      file_(file),
      left_(align_down(most, page_size())),
      progress_(std::move(progress)),
      buffer_(new std::byte[buffer_size]) {}

void page_copier::copy(const region_source& source, const address_range& range, std::uint64_t offset) {
    shift_ = offset - range.start();
    zeros_.clear();
    source.pieces(range, [&](const region_piece& piece) {
        switch (piece.from) {
            case region_piece::origin::memory: add_memory(piece.range); break;
            case region_piece::origin::file: add_file(source, piece.range); break;
            case region_piece::origin::zeros: append(zeros_, piece.range); break;
            case region_piece::origin::gap: lose(piece.range, piece.reason); break;
        }
    });
    flush();
    if (zeros_.empty()) return;
    // Page tables say the same of a page that was never touched and of one that has just been unmapped.
    for_each_hole(memory_.target(), range, [&](const address_range& hole) {
        for (const address_range& lost : intersected(zeros_, {&hole, 1})) lose(lost, gap_reason::unmapped);
    });
}

void page_copier::lose(const address_range& range, gap_reason reason) {
    done_.gaps.push_back({range, reason});
}

/// For the start of `range`, which is added to what the buffer holds.
std::span<std::byte> page_copier::room_for(const address_range& range) {
    if (used_ == buffer_size) flush();
    const std::size_t at = used_;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(range.size(), buffer_size - at));
    const address_range taken = range.part(0, size);
    if (!parts_.empty() && parts_.back().range.end() == taken.start())
        parts_.back().range = {parts_.back().range.start(), taken.end()};
    else
        parts_.push_back({taken, at});
    used_ += size;
    return {buffer_.get() + at, size};
}

void page_copier::add_memory(address_range range) {
    while (!range.empty()) {
        if (left_ == 0) return lose(range, gap_reason::over_limit);
        if (blocks_.size() == blocks_a_call) flush();
        const std::span<std::byte> room = room_for(range);
        blocks_.push_back({range.start(), room});
        range = {range.start() + room.size(), range.end()};
    }
}

void page_copier::add_file(const region_source& source, address_range range) {
    const std::uint64_t size = source.file()->size();
    while (!range.empty()) {
        if (left_ == 0) return lose(range, gap_reason::over_limit);
        std::size_t taken = 0;
        const auto room = [&](const address_range& r) {
            const std::span<std::byte> to = room_for(r);
            taken = to.size();
            return to;
        };
        const region_piece step = read_from_file(source, size, range, room);
        if (step.from == region_piece::origin::gap) lose(step.range, step.reason);
        const bool is_read = step.from == region_piece::origin::file;
        const std::size_t filled = is_read ? static_cast<std::size_t>(step.range.size()) : 0;
        if (taken > filled) {
            // Less came than there was room for.
            used_ -= taken - filled;
            part& last = parts_.back();
            last.range = {last.range.start(), last.range.end() - (taken - filled)};
            if (last.range.empty()) parts_.pop_back();
        }
        range = {step.range.end(), range.end()};
    }
}

void page_copier::flush() {
    read_blocks();
    for (const part& p : parts_) store(p);
    const bool any = !parts_.empty();
    const address at = any ? parts_.back().range.end() : 0;
    parts_.clear();
    used_ = 0;
    if (any && progress_) progress_({stored_, at});
}

void page_copier::read_blocks() {
    results_.resize(blocks_.size());
    memory_.read_blocks(blocks_, results_);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
        const auto [moved, error] = results_[i];
        if (!error) continue;
        // It may be a page of many, or the whole process: that tells.
        for (const memory_gap& gap : memory_.read_past_gaps(blocks_[i].start + moved, blocks_[i].bytes.subspan(moved)))
            lose(gap.range, gap.reason);
    }
    blocks_.clear();
}

/// Runs of pages that are not zero.
void page_copier::store(const part& p) {
    const std::byte* const bytes = buffer_.get() + p.at;
    const auto at = [&](address a) { return bytes + (a - p.range.start()); };
    address run = p.range.start();
    address here = run;
    while (here < p.range.end()) {
        const address next = std::min(p.range.end(), align_down(here, page_size()) + page_size());
        if (is_zero({at(here), static_cast<std::size_t>(next - here)})) {
            if (run < here) store_run({run, here}, {at(run), static_cast<std::size_t>(here - run)});
            run = next;
        }
        here = next;
    }
    if (run < here) store_run({run, here}, {at(run), static_cast<std::size_t>(here - run)});
}

void page_copier::store_run(const address_range& range, std::span<const std::byte> bytes) {
    const std::uint64_t size = std::min<std::uint64_t>(range.size(), left_);
    write_all(file_, range.start() + shift_, bytes.first(static_cast<std::size_t>(size)));
    left_ -= size;
    stored_ += size;
    if (size > 0) append(done_.stored, range.part(0, size));
    if (size < range.size()) lose({range.start() + size, range.end()}, gap_reason::over_limit);
}

}  // namespace vmio
