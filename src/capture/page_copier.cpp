// SPDX-License-Identifier: BSL-1.0
#include "capture/page_copier.hpp"

#include <algorithm>

#include "base/gap_set.hpp"
#include "base/range_set.hpp"
#include "snapshot/sealed_memfd.hpp"
#include "walk/simd_find.hpp"

namespace vmio::detail {
namespace {

constexpr std::size_t buffer_size = std::size_t{1} << 18;

}  // namespace

page_copier::page_copier(process_memory memory, int file, std::uint64_t most, report progress)
    : reader_(std::move(memory)),
      file_(file),
      left_(align_down(most, page_size())),
      progress_(std::move(progress)),
      buffer_(new std::byte[buffer_size]) {}

void page_copier::copy(const region_source& source, const address_range& range, std::uint64_t offset) {
    shift_ = offset - range.start();
    reader_.read(source, range, *this);
    flush();
}

void page_copier::put(address start, std::span<const std::byte> bytes, std::uint64_t offset) {
    shift_ = offset - start;
    store({start, start + bytes.size()}, bytes.data());
    if (progress_) progress_({stored_, start + bytes.size()});
}

std::span<std::byte> page_copier::room(const address_range& range) {
    if (used_ == buffer_size) flush();
    if (left_ == 0) return {};
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

void page_copier::give_back(address from) {
    address_range& last = parts_.back().range;
    used_ -= static_cast<std::size_t>(last.end() - from);
    last = {last.start(), from};
    if (last.empty()) parts_.pop_back();
}

void page_copier::forget(const address_range& range) {
    flush();
    const std::vector<address_range> stored = made_set(std::move(done_.stored));
    done_.stored = without(stored, {&range, 1});
    for (const address_range& lost : intersected(stored, {&range, 1})) {
        make_hole(file_, lost.start() + shift_, lost.size());
        left_ += lost.size();
        stored_ -= lost.size();
    }
    cut_out(done_.gaps, range);
}

void page_copier::flush() {
    reader_.finish();
    for (const part& p : parts_) store(p.range, buffer_.get() + p.at);
    const bool any = !parts_.empty();
    const address at = any ? parts_.back().range.end() : 0;
    parts_.clear();
    used_ = 0;
    if (any && progress_) progress_({stored_, at});
}

/// Stores the runs of pages that are not zero.
void page_copier::store(const address_range& range, const std::byte* bytes) {
    const auto at = [&](address a) { return bytes + (a - range.start()); };
    address run = range.start();
    address here = run;
    while (here < range.end()) {
        const address next = std::min(range.end(), align_down(here, page_size()) + page_size());
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
    if (size < range.size()) add_gap({{range.start() + size, range.end()}, gap_reason::over_limit});
}

}  // namespace vmio::detail
