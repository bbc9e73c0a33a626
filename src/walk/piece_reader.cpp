// SPDX-License-Identifier: BSL-1.0
#include "walk/piece_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vmio/read_past_gaps.hpp>

#include "base/file_descriptor.hpp"
#include "base/range_set.hpp"
#include "base/system_call.hpp"
#include "process/proc_file.hpp"

namespace vmio::detail {
namespace {

constexpr std::size_t blocks_a_call = 512;

/// Reads from the page in which a file ends what a mapping shows of it: processes that have it mapped may have written
/// behind the end, which read(2) does not return. By /proc/PID/mem, since an access to our own mapping faults (SIGBUS)
/// if the file is truncated meanwhile. Returns false if that is not possible.
bool read_last_page(int file, std::uint64_t offset, std::span<std::byte> to) noexcept {
    const std::uint64_t start = align_down(offset, page_size());
    void* const p = ::mmap(nullptr, page_size(), PROT_READ, MAP_SHARED, file, static_cast<off_t>(start));
    if (p == MAP_FAILED) return false;
    const file_descriptor mem(sys::open("/proc/thread-self/mem", O_RDONLY | O_CLOEXEC));
    const address from = address_of(p) + (offset - start);
    const bool all =
        sys::pread(mem.get(), to.data(), to.size(), static_cast<off_t>(from)) == static_cast<ssize_t>(to.size());
    ::munmap(p, page_size());
    return all;
}

}  // namespace

void piece_reader::read(const region_source& source, const address_range& range, piece_consumer& to) {
    if (source.is_protected() && !forced_)
        forced_.emplace(memory_.target(), process_memory_options{.method = transfer_method::proc_mem});
    by_ = source.is_protected() ? &*forced_ : &memory_;
    sink_ = &to;
    blocks_.clear();  // left over from a call that threw
    inferred_.clear();
    source.pieces(range, [&](const region_piece& piece) {
        if (piece.from != region_piece::origin::memory) append(inferred_, piece.range);
        switch (piece.from) {
            case region_piece::origin::memory: read_memory(piece.range); break;
            case region_piece::origin::file: read_file(source, piece.range); break;
            case region_piece::origin::zeros: to.add_zeros(piece.range); break;
            case region_piece::origin::gap: to.add_gap({piece.range, piece.reason}); break;
        }
    });
    finish();
    if (source.infers() && !inferred_.empty()) check(source, range);
}

void piece_reader::read_memory(address_range range) {
    while (!range.empty()) {
        const std::span<std::byte> room = sink_->room(range);
        if (room.empty()) return sink_->add_gap({range, gap_reason::over_limit});
        blocks_.push_back({range.start(), room});
        if (blocks_.size() == blocks_a_call) finish();
        range = {range.start() + room.size(), range.end()};
    }
}

void piece_reader::finish() {
    results_.resize(blocks_.size());
    by_->read_blocks(blocks_, results_);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
        const auto [moved, error] = results_[i];
        // One page, or the whole process: read_past_gaps() tells them apart.
        if (error) read_past_gaps(blocks_[i].start + moved, blocks_[i].bytes.subspan(moved));
    }
    blocks_.clear();
}

void piece_reader::read_past_gaps(address from, std::span<std::byte> to) {
    for (const memory_gap& gap : vmio::read_past_gaps(*by_, from, to)) sink_->add_gap(gap);
}

void piece_reader::read_file(const region_source& source, const address_range& range) {
    // Shorter holes are read; and after so many bytes of data the next one is asked for.
    constexpr std::uint64_t worth_asking_for_holes = std::uint64_t{32} << 10;
    constexpr std::uint64_t most_at_once = std::uint64_t{256} << 10;
    const backing_file& file = *source.file();
    std::uint64_t size = file.size();
    for (address at = range.start(); at < range.end();) {
        const std::uint64_t offset = source.offset_of(at);
        const std::uint64_t last_page = align_down(size, page_size());
        const std::uint64_t left = range.end() - at;
        if (offset >= align_up(size, page_size()))
            return sink_->add_gap({{at, range.end()}, gap_reason::past_end_of_file});
        const bool is_last = offset >= last_page;
        // For the last page always: to map a hole of shared memory would allocate it.
        const bool asked = is_last || left >= worth_asking_for_holes;
        const std::uint64_t data = asked ? file.next_data(is_last ? last_page : offset) : offset;
        if (is_last ? data >= size : data > offset) {
            const std::uint64_t end = is_last ? last_page + page_size() : std::min(data, last_page);
            const auto zeros = address_range::of_size(at, std::min(left, end - offset));
            sink_->add_zeros(zeros);
            at = zeros.end();
            continue;
        }
        std::uint64_t wanted = is_last ? last_page + page_size() - offset : std::min(last_page - offset, most_at_once);
        if (!is_last && asked)
            wanted = std::clamp(region_source::end_of_data(file, offset) - offset,
                                std::min<std::uint64_t>(wanted, page_size()), wanted);
        const std::span<std::byte> room = sink_->room(address_range::of_size(at, std::min(left, wanted)));
        if (room.empty()) return sink_->add_gap({{at, range.end()}, gap_reason::over_limit});
        std::size_t got = room.size();
        if (!is_last)
            got = read_file_bytes(file, offset, at, room, size);
        else if (!read_last_page(file.descriptor(), offset, room))
            read_past_gaps(at, room);
        if (got < room.size()) sink_->give_back(at + got);
        at += got;
    }
}

std::size_t piece_reader::read_file_bytes(const backing_file& file, std::uint64_t offset, address at,
                                          std::span<std::byte> to, std::uint64_t& size) {
    std::error_code ec;
    const std::size_t got = file.read_some(offset, to, ec);
    if (!ec) return got;
    const std::uint64_t before = std::exchange(size, file.size());
    if (size < before) return 0;  // truncated meanwhile
    // An I/O error of the disk, or a file that refuses reads: the page may still be in memory.
    const std::uint64_t of_page = next_boundary(at, page_size()) - at;
    const auto part = to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), of_page)));
    read_past_gaps(at, part);
    return part.size();
}

/// Verifies what was inferred from page tables, where a page that was never touched, one that has just been unmapped
/// and one of a new mapping look the same. Bytes that were read are right, even if they are gone by now.
void piece_reader::check(const region_source& source, const address_range& range) {
    const process& target = memory_.target();
    if (!maps_) {
        std::error_code ec;
        const int maps = maps_of(target, ec);
        if (ec) throw memory_error("query of /proc/PID/maps", target.id(), range.start(), ec);
        maps_.emplace(maps, target.proc_directory());
    }
    for (address at = range.start(); at < range.end();) {
        vma_info m;
        const std::error_code ec = maps_->at_or_above(at, m);
        if (ec && ec.value() != ENOENT) {
            const std::error_code why = lost_program(target);  // GCOVR_EXCL_LINE: ended or called exec since the read
            throw memory_error("query of /proc/PID/maps", target.id(), at, why ? why : ec);  // GCOVR_EXCL_LINE: so
        }
        if (ec) m.range = {range.end(), range.end()};
        const address_range hole(at, std::clamp(m.range.start(), at, range.end()));
        for (const address_range& wrong : intersected(inferred_, {&hole, 1})) {
            sink_->forget(wrong);
            sink_->add_gap({wrong, gap_reason::unmapped});
        }
        const address_range part(hole.end(), std::clamp(m.range.end(), hole.end(), range.end()));
        if (!part.empty() && !source.shows(m))
            for (const address_range& wrong : intersected(inferred_, {&part, 1})) {
                sink_->forget(wrong);
                read_memory(wrong);
            }
        at = part.end();
    }
    finish();
}

}  // namespace vmio::detail
