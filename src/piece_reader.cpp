// SPDX-License-Identifier: BSL-1.0
#include "piece_reader.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file_descriptor.hpp"
#include "mapped_range.hpp"
#include "proc_file.hpp"

namespace vmio {
namespace {

constexpr std::size_t blocks_a_call = 512;

/// What a mapping shows of the page in which its file ends: whoever has it mapped may have written behind the end,
/// where no read(2) gets. Through /proc/PID/mem, since our mapping too may end at any time. False: it cannot be had.
bool read_last_page(int file, std::uint64_t offset, std::span<std::byte> to) noexcept {
    const std::uint64_t start = align_down(offset, page_size());
    void* const p = ::mmap(nullptr, page_size(), PROT_READ, MAP_SHARED, file, static_cast<off_t>(start));
    if (p == MAP_FAILED) return false;
    const file_descriptor mem(::open("/proc/thread-self/mem", O_RDONLY | O_CLOEXEC));
    const address from = reinterpret_cast<std::uintptr_t>(p) + (offset - start);
    const bool all =
        ::pread(mem.get(), to.data(), to.size(), static_cast<off_t>(from)) == static_cast<ssize_t>(to.size());
    ::munmap(p, page_size());
    return all;
}

/// Takes `part` out of sorted ranges.
void cut_out(std::vector<address_range>& ranges, const address_range& part) {
    std::vector<address_range> left;
    for (const address_range& r : ranges) {
        if (!r.overlaps(part)) {
            left.push_back(r);
            continue;
        }
        if (r.start() < part.start()) left.emplace_back(r.start(), part.start());
        if (part.end() < r.end()) left.emplace_back(part.end(), r.end());
    }
    ranges = std::move(left);
}

}  // namespace

void piece_reader::read(const region_source& source, const address_range& range, std::size_t offset,
                        std::vector<memory_gap>& gaps, std::vector<address_range>& zeros) {
    start_ = range.start();
    offset_ = offset;
    blocks_.clear();  // of a call that threw
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
                break;
            case region_piece::origin::gap:
                zero(piece.range);
                gaps.push_back({piece.range, piece.reason});
                break;
        }
    });
    read_blocks(gaps);
    if (source.infers()) check(source, range, gaps, zeros);
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
    // Shorter holes are read, and after so many bytes of data the next one is asked for.
    constexpr std::uint64_t worth_asking_for_holes = std::uint64_t{256} << 10;
    const backing_file& file = *source.file();
    std::uint64_t size = file.size();
    std::error_code ec;
    for (address at = range.start(); at < range.end();) {
        const std::uint64_t offset = source.offset_of(at);
        const std::uint64_t last_page = align_down(size, page_size());
        const std::uint64_t left = range.end() - at;
        address_range step(at, range.end());
        if (offset >= align_up(size, page_size())) {
            zero(step);
            gaps.push_back({step, gap_reason::past_end_of_file});
        } else if (offset >= last_page) {
            step = address_range::of_size(at, std::min(left, last_page + page_size() - offset));
            // Mapping a hole of shared memory would fill it.
            if (file.next_data(last_page) > last_page)
                zero(step);
            else if (!read_last_page(file.descriptor(), offset, writable(step)))
                read_memory(step, gaps);
        } else if (const std::uint64_t data = left >= worth_asking_for_holes ? file.next_data(offset) : offset;
                   data > offset) {
            step = address_range::of_size(at, std::min(left, std::min(data, last_page) - offset));
            zero(step);
            append(zeros, step);
        } else {
            step = address_range::of_size(at, std::min({left, last_page - offset, worth_asking_for_holes}));
            const std::size_t got = file.read_some(offset, writable(step), ec);
            if (ec) {
                const std::uint64_t before = std::exchange(size, file.size());
                if (size < before) continue;  // it has been cut short meanwhile
                // The disk is broken, or the file not meant to be read: memory may have it.
                step = address_range(at, std::min(step.end(), align_down(at, page_size()) + page_size()));
                read_memory(step, gaps);
            } else {
                step = address_range::of_size(at, got);
            }
        }
        at = step.end();
    }
}

void piece_reader::read_memory(const address_range& range, std::vector<memory_gap>& gaps) {
    const auto lost = memory_.read_past_gaps(range.start(), writable(range));
    gaps.insert(gaps.end(), lost.begin(), lost.end());
}

/// Page tables say the same of a page that was never touched, of one that has just been unmapped, and of another
/// mapping there: then what was inferred is wrong.
void piece_reader::check(const region_source& source, const address_range& range, std::vector<memory_gap>& gaps,
                         std::vector<address_range>& zeros) {
    const process& who = memory_.target();
    for (address at = range.start(); at < range.end();) {
        mapped_range m;
        const std::error_code ec = mapped_range_at_or_above(who.maps(), at, m);
        if (ec && ec.value() != ENOENT) {
            const std::error_code why = lost_program(who);
            throw memory_error("query of /proc/PID/maps", who.id(), at, why ? why : ec);
        }
        if (ec) m.range = {range.end(), range.end()};
        const address_range hole(at, std::clamp(m.range.start(), at, range.end()));
        if (!hole.empty()) {
            zero(hole);
            gaps.push_back({hole, gap_reason::unmapped});
            cut_out(zeros, hole);
        }
        const address_range part(hole.end(), std::clamp(m.range.end(), hole.end(), range.end()));
        if (!part.empty() && !source.shows(m)) {
            std::erase_if(gaps, [&](const memory_gap& gap) { return part.contains(gap.range); });
            cut_out(zeros, part);
            read_memory(part, gaps);
        }
        at = part.end();
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

void append(std::vector<address_range>& ranges, const address_range& range) {
    if (!ranges.empty() && ranges.back().end() == range.start())
        ranges.back() = {ranges.back().start(), range.end()};
    else
        ranges.push_back(range);
}

}  // namespace vmio
