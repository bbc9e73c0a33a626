// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <memory>
#include <system_error>
#include <vector>

#include <vmio/cow_view.hpp>

#include "base/mmap_region.hpp"
#include "snapshot/page_interval.hpp"
#include "snapshot/snapshot_state.hpp"

namespace vmio {

/// A private mapping of a content's file, with the pages of its overlay copied in. The page map of the kernel reports
/// the pages that are no longer pages of the file ("written"). Some of them were written by this class, with the
/// present or an earlier value of the content: overlay pages, and pages copied back by a restore ("settled"). Only a
/// comparison can show whether the user has written to a settled page since.
class VMIO_HIDDEN cow_view::mapping {
public:
    using content_pointer = snapshot::state::content_pointer;

    mapping(std::shared_ptr<snapshot::state> owner, content_pointer content);

    const detail::mmap_region& bytes() const noexcept { return bytes_; }
    std::size_t size() const noexcept { return bytes_.size(); }

    void protect(detail::page_interval, protection);

    /// Restores the view to the owner's present content.
    void restore();
    /// Restores pages to the content of this mapping.
    void restore(detail::page_interval);

    std::vector<changed_run> changed(change) const;
    content_pointer take() const;

    /// Makes this a view of `owner`. Precondition: its content is the one that take() has just returned.
    void follow(std::shared_ptr<snapshot::state> owner);

private:
    detail::page_interval all() const noexcept { return {0, content_->pages()}; }
    bool is_settled(std::size_t page) const noexcept { return !settled_.empty() && settled_[page]; }
    void settle(std::size_t page);

    void map(content_pointer);
    void undo_protections(detail::page_interval);
    bool copy_back(detail::page_interval);
    void drop(detail::page_interval);
    std::error_code drop_locked(detail::page_interval);
    void map(const detail::snapshot_data&, detail::page_interval);
    void lay_over(detail::page_interval);

    std::vector<detail::page_interval> changed_pages(change) const;
    content_pointer copied(const std::vector<detail::page_interval>& changed) const;
    content_pointer layered(const std::vector<detail::page_interval>& changed) const;

    std::shared_ptr<snapshot::state> owner_;
    content_pointer content_;
    detail::mmap_region bytes_;
    std::vector<bool> settled_;                   // by page; empty: no page is settled
    std::vector<detail::page_interval> written_;  // kept so that a restore does not allocate
    std::size_t in_vain_ = 0;                     // unchanged pages that restores have compared
    bool protected_ = false;                      // some page may have another protection than read_write
    bool unreadable_ = false;                     // some page may have a protection that forbids reading
};

}  // namespace vmio
