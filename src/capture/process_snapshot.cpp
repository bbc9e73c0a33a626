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

/// Sets the final size: zeros at the end were not written.
detail::file_descriptor resized(detail::file_descriptor file, std::uint64_t size) {
    detail::resize(file.get(), size);
    return file;
}

}  // namespace

process_snapshot::state::state(detail::capture_record r, detail::region_layout l, detail::file_descriptor filled)
    : record(std::move(r)),
      layout(std::move(l)),
      file(std::make_shared<const detail::sealed_memfd>(resized(std::move(filled), layout.size()),
                                                        static_cast<std::size_t>(layout.size()))),
      ranges(detail::without(layout.regions(), ranges_of(record.gaps))) {}

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
    return state_->file->memory_used();
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

std::size_t process_snapshot::read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept {
    ec.clear();
    if (to.empty()) return 0;
    const address_range* const range = detail::first_above(state_->ranges, from);
    if (range == state_->ranges.data() + state_->ranges.size() || !range->contains(from)) {
        ec = detail::system_error_of(EFAULT);
        return 0;
    }
    to = to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), range->end() - from)));
    return state_->file->read_some(*state_->layout.offset_of({from, from + to.size()}), to, ec);
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
    auto file =
        std::make_shared<const detail::sealed_memfd>(state_->file, *offset, static_cast<std::size_t>(part.size()));
    return snapshot::state::holding(std::make_shared<const detail::snapshot_data>(std::move(file)));
}

}  // namespace vmio
