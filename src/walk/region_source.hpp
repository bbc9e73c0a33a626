// SPDX-License-Identifier: BSL-1.0
/// Decides where the bytes of a mapping are read from, so that no page of the target becomes present.
#pragma once

#include <optional>

#include <vmio/address.hpp>
#include <vmio/backing_file.hpp>
#include <vmio/mapping.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process.hpp>
#include <vmio/smaps.hpp>
#include <vmio/source_options.hpp>

#include "proc/vma_lookup.hpp"

namespace vmio::detail {

/// A part of a mapping and the origin of its bytes.
struct region_piece {
    enum class origin { memory, file, zeros, gap };

    address_range range;
    origin from = origin::memory;
    gap_reason reason = gap_reason::unmapped;  // if it is a gap
};

/// Whether a mapping is memory of the target that can be read: neither a device nor one of the kernel's own; without
/// read_protected, its protection must allow it. A device is recognised by the kind of its file, not by its name.
bool is_region(const process& target, const mapping&, const source_options& = {}) noexcept;

/// The same where there is only the name to go by.
bool is_region(const mapping&) noexcept;

/// Whether the page faults of a mapping are handled by userfaultfd(2), possibly by the target itself.
inline bool is_served(const smaps_entry& m) noexcept {
    return m.flags.has("um") || m.flags.has("ui");
}

class region_source {
public:
    /// Opens the file of `m`, if it is to be used. `pages` is null if page tables cannot be read: then all bytes are
    /// read from memory. Pages of a file whose file system may never answer (file_refusal::may_stall) are read from
    /// memory where they are present, and are gaps where not. `resident_only`: so is every page that would have to come
    /// from memory, since reading it may wait for the target; and so, with skip_untouched, is every such page of
    /// protected memory, since reading it would make it present.
    region_source(const process& target, const page_map* pages, const mapping& m, const source_options& options,
                  bool resident_only = false);

    /// Calls each(const region_piece&) for the pieces that make up `range`, in ascending order. Precondition: it lies
    /// in the mapping.
    template <class F>
    void pieces(const address_range& range, F&& each) const {
        using origin = region_piece::origin;
        const auto outside = [&](const address_range& r) { each(region_piece{r, from_outside_, reason_outside_}); };
        if (looked_for_ == page_state::none) return outside(range);
        address at = range.start();
        pages_->scan(range, looked_for_, [&](const page_run& run) {
            const address_range part = range.intersection(run.range);
            if (at < part.start()) outside({at, part.start()});
            at = part.end();
            if (has(run.state, page_state::guard)) return each(region_piece{part, origin::gap, gap_reason::guard_page});
            if (has(run.state, page_state::poisoned))
                return each(region_piece{part, origin::gap, gap_reason::input_output});
            if (has(run.state, page_state::swapped)) return each(region_piece{part, origin::gap, gap_reason::swapped});
            each(region_piece{part, origin::memory});
        });
        if (at < range.end()) outside({at, range.end()});
    }

    /// Calls each(const address_range&), which returns whether to go on, for the parts of `range` that page tables say
    /// something of; by address. Precondition: has_runs().
    template <class F>
    void look_at(const address_range& range, F&& each) const {
        pages_->scan(range, looked_for_, [&](const page_run& run) { return each(range.intersection(run.range)); });
    }

    /// Whether some pieces are known without reading memory, which holds only as long as this mapping exists.
    bool infers() const noexcept { return from_outside_ != region_piece::origin::memory; }
    /// Whether page tables tell the pieces that are known from those that are not; and what the former are if they
    /// cannot be read.
    /// @{
    bool has_runs() const noexcept { return infers() && looked_for_ != page_state::none; }
    std::optional<gap_reason> gap_outside() const noexcept {
        if (from_outside_ == region_piece::origin::gap) return reason_outside_;
        return std::nullopt;
    }
    /// @}
    /// Whether only /proc/PID/mem can read it.
    bool is_protected() const noexcept { return protected_; }
    /// Whether `m` is a part of this mapping.
    bool shows(const vma_info& m) const noexcept {
        return m.inode == inode_ && m.perms.shared == shared_ &&
               (inode_ == 0 || m.offset - m.range.start() == offset_ - start_);
    }

    /// The file, for pieces that are read from it. offset_of() converts addresses to file offsets.
    const std::optional<backing_file>& file() const noexcept { return file_; }
    /// Where the data at `offset` of a file ends (lseek(2), SEEK_HOLE); `offset` where that cannot be known.
    static std::uint64_t end_of_data(const backing_file&, std::uint64_t offset) noexcept;
    std::uint64_t offset_of(address a) const noexcept { return a - start_ + offset_; }

private:
    address start_;
    std::uint64_t offset_;
    std::uint64_t inode_;
    bool shared_;
    bool protected_;
    const page_map* pages_;
    std::optional<backing_file> file_;
    region_piece::origin from_outside_ =
        region_piece::origin::memory;                       // origin of pages in none of the states looked_for_
    gap_reason reason_outside_ = gap_reason::input_output;  // if that is a gap
    page_state looked_for_ = page_state::none;              // none: page tables are not consulted
};

}  // namespace vmio::detail
