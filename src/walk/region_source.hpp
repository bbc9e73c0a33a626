// SPDX-License-Identifier: BSL-1.0
/// Where the bytes of a mapping are best taken from, so that its process is not disturbed.
#pragma once

#include <optional>

#include <vmio/address.hpp>
#include <vmio/backing_file.hpp>
#include <vmio/mapping.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process.hpp>
#include <vmio/source_options.hpp>

#include "proc/vma_lookup.hpp"

namespace vmio::detail {

/// A part of a mapping, and what gives its bytes.
struct region_piece {
    enum class origin { memory, file, zeros, gap };

    address_range range;
    origin from = origin::memory;
    gap_reason reason = gap_reason::unmapped;  // of a gap
};

/// Memory that is worth looking at: readable, and neither a device nor the kernel's own, as far as its name tells.
bool is_region(const mapping&) noexcept;
/// The same by what is mapped in `target`: a regular file is one also where devices are.
bool is_region(const process& target, const mapping&) noexcept;

class region_source {
public:
    /// Opens the file of `m`, if it is to be used. `pages` may be null where page tables cannot be looked at: then all
    /// comes from memory. Pages of a file whose file system may never answer (file_refusal::may_stall) are taken from
    /// memory where they are present, and are gaps where not. `resident_only`: so is every page that would have to come
    /// from memory, since reading it may wait for the target.
    region_source(const process& target, const page_map* pages, const mapping& m, const source_options& options,
                  bool resident_only = false);

    /// Calls each(const region_piece&) for the pieces that make up `range`, which lies in the mapping, by address.
    template <class F>
    void pieces(const address_range& range, F&& each) const {
        using origin = region_piece::origin;
        const auto outside = [&](const address_range& r) {
            each(region_piece{r, from_outside_, gap_reason::input_output});
        };
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

    /// Whether some pieces are known without a look at memory: right only as long as this mapping is the one there.
    bool infers() const noexcept { return from_outside_ != region_piece::origin::memory; }
    /// Whether `m` is a part of this mapping.
    bool shows(const vma_info& m) const noexcept {
        return m.inode == inode_ && m.perms.shared == shared_ &&
               (inode_ == 0 || m.offset - m.range.start() == offset_ - start_);
    }

    /// For pieces that come from there; its addresses are offsets in the file.
    const std::optional<backing_file>& file() const noexcept { return file_; }
    std::uint64_t offset_of(address a) const noexcept { return a - start_ + offset_; }

private:
    address start_;
    std::uint64_t offset_;
    std::uint64_t inode_;
    bool shared_;
    const page_map* pages_;
    std::optional<backing_file> file_;
    region_piece::origin from_outside_ = region_piece::origin::memory;  // of pages that are not looked_for_
    page_state looked_for_ = page_state::none;                          // none: page tables tell nothing of use
};

}  // namespace vmio::detail
