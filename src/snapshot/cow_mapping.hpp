// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <vmio/cow_view.hpp>

#include "base/mmap_region.hpp"
#include "snapshot/page_interval.hpp"
#include "snapshot/snapshot_state.hpp"

namespace vmio {

/// A private mapping of a content's file, with the pages of its overlay copied in. The kernel tells which pages are
/// not the file's any more ("written"). Of these, some are so by our own doing and hold what the content has, or did
/// once: those of the overlay, and those copied back by a restore ("settled"). Whether somebody has written to them
/// since, only comparing tells.
class VMIO_HIDDEN cow_view::mapping {
public:
    using content_pointer = snapshot::state::content_pointer;

    mapping(std::shared_ptr<snapshot::state> owner, content_pointer content);

    const detail::mmap_region& bytes() const noexcept { return bytes_; }
    std::size_t size() const noexcept { return bytes_.size(); }

    void protect(detail::page_interval, protection);

    /// Back to what the owner holds now.
    void restore();
    /// Back to what the content has.
    void restore(detail::page_interval);

    std::vector<changed_run> changed(change) const;
    content_pointer take() const;

    /// From now on a view of `owner`, whose content is what take() has just returned.
    void follow(std::shared_ptr<snapshot::state> owner);

private:
    detail::page_interval all() const noexcept { return {0, content_->pages()}; }
    bool is_settled(std::size_t page) const noexcept { return !settled_.empty() && settled_[page]; }
    void settle(std::size_t page);

    void map(content_pointer);
    void undo_protections(detail::page_interval);
    bool copy_back(detail::page_interval);
    void drop(detail::page_interval);
    void lay_over(detail::page_interval);

    std::vector<detail::page_interval> changed_pages(change) const;
    content_pointer copied(const std::vector<detail::page_interval>& changed) const;
    content_pointer layered(const std::vector<detail::page_interval>& changed) const;

    std::shared_ptr<snapshot::state> owner_;
    content_pointer content_;
    detail::mmap_region bytes_;
    std::vector<bool> settled_;                   // by page; empty: none
    std::vector<detail::page_interval> written_;  // kept for its memory, so that a restore allocates nothing
    std::size_t in_vain_ = 0;                     // pages that restores have compared and that were not changed
    bool protected_ = false;                      // some page may have another protection than read_write,
    bool unreadable_ = false;                     // and one that forbids reading
};

}  // namespace vmio
