// SPDX-License-Identifier: BSL-1.0
#include <vmio/process_snapshot.hpp>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include <vmio/memory.hpp>

#include "base/range_set.hpp"
#include "base/system_error.hpp"
#include "capture/process_snapshot_state.hpp"
#include "snapshot/snapshot_state.hpp"

namespace vmio {

static_assert(memory_reader<process_snapshot>);

namespace {

std::vector<address_range> ranges_of(const std::vector<memory_gap>& gaps) {
    std::vector<address_range> ranges;
    ranges.reserve(gaps.size());
    for (const memory_gap& gap : gaps) ranges.push_back(gap.range);
    return ranges;
}

}  // namespace

process_snapshot::state::state(detail::capture_record r, detail::region_layout l,
                               std::shared_ptr<const detail::snapshot_data> c)
    : record(std::move(r)),
      layout(std::move(l)),
      content(std::move(c)),
      ranges(detail::without(layout.regions(), ranges_of(record.gaps))) {}

process_snapshot process_snapshot::state::holding(detail::capture_record record, detail::region_layout layout,
                                                  detail::file_descriptor filled) {
    const std::uint64_t size = layout.size();
    detail::resize(filled.get(), size);  // zeros at the end were not written
    auto file = std::make_shared<const detail::sealed_memfd>(std::move(filled), static_cast<std::size_t>(size));
    return holding(std::move(record), std::move(layout),
                   std::make_shared<const detail::snapshot_data>(std::move(file)));
}

std::shared_ptr<const detail::snapshot_data> process_snapshot::state::part(std::uint64_t offset,
                                                                           std::uint64_t size) const {
    auto file =
        std::make_shared<const detail::sealed_memfd>(content->shared_file(), offset, static_cast<std::size_t>(size));
    const auto first = static_cast<std::size_t>(offset / page_size());
    const auto end = static_cast<std::size_t>((offset + size) / page_size());
    const std::span<const detail::cow_pages::entry> replaced = content->overlay().entries(first, end);
    std::vector<std::size_t> pages;
    for (const detail::cow_pages::entry& e : replaced) pages.push_back(e.page - first);
    auto from = replaced.begin();
    detail::cow_pages overlay;
    if (!pages.empty())
        overlay = detail::cow_pages().with(
            pages, [&](std::size_t, std::span<std::byte> to) { std::copy_n((from++)->bytes, to.size(), to.begin()); });
    return std::make_shared<const detail::snapshot_data>(std::move(file), std::move(overlay));
}

std::span<const address_range> process_snapshot::ranges() const noexcept {
    return state_->ranges;
}

std::span<const memory_gap> process_snapshot::gaps() const noexcept {
    return state_->record.gaps;
}

std::span<const address_range> process_snapshot::stored() const noexcept {
    return state_->record.stored;
}

std::uint64_t process_snapshot::memory_used() const noexcept {
    return state_->content->memory_used();
}

const memory_map& process_snapshot::map() const noexcept {
    return state_->record.map;
}

std::span<const std::byte> process_snapshot::build_id(const mapping& m) const noexcept {
    const mapping* const known = map().find(m.range.start());
    if (known == nullptr) return {};
    return state_->record.build_ids[static_cast<std::size_t>(known - map().begin())];
}

const std::vector<thread_registers>& process_snapshot::threads() const noexcept {
    return state_->record.threads;
}

std::span<const std::byte> process_snapshot::auxiliary_vector() const noexcept {
    return state_->record.auxiliary_vector;
}

const std::string& process_snapshot::program() const noexcept {
    return state_->record.program;
}

const std::string& process_snapshot::arguments() const noexcept {
    return state_->record.arguments;
}

pid_t process_snapshot::process_id() const noexcept {
    return state_->record.process_id;
}

std::chrono::system_clock::time_point process_snapshot::time() const noexcept {
    return state_->record.time;
}

bool process_snapshot::paused() const noexcept {
    return state_->record.paused;
}

bool process_snapshot::frozen_copy() const noexcept {
    return state_->record.frozen_copy;
}

const std::string& process_snapshot::frozen_copy_refusal() const noexcept {
    return state_->record.refusal;
}

std::chrono::nanoseconds process_snapshot::pause_time() const noexcept {
    return state_->record.pause_time;
}

std::size_t process_snapshot::read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept {
    ec.clear();
    if (to.empty()) return 0;
    const address_range* const range = detail::first_above(state_->ranges, from);
    if (range == state_->ranges.data() + state_->ranges.size() || !range->contains(from)) {
        ec = detail::system_error_of(EFAULT);
        return 0;
    }
    to = to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), range->end() - from)));
    return state_->content->read_some(*state_->layout.offset_of({from, from + to.size()}), to, ec);
}

void process_snapshot::read(address from, std::span<std::byte> to) const {
    detail::read_all(*this, from, to);
}

snapshot process_snapshot::bytes(const address_range& part) const {
    if (((part.start() | part.end()) & (page_size() - 1)) != 0)
        throw std::invalid_argument("vmio::process_snapshot: only whole pages can be viewed");
    if (part.empty()) return snapshot::zeroed(0);
    const std::optional<std::uint64_t> offset = state_->layout.offset_of(part);
    if (!offset) throw std::out_of_range("vmio::process_snapshot: that was not captured as a whole");
    return snapshot::state::holding(state_->part(*offset, part.size()));
}

}  // namespace vmio
