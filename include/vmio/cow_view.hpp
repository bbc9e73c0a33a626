// SPDX-License-Identifier: BSL-1.0
/// A copy-on-write view of a snapshot.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <vmio/detail/config.hpp>
#include <vmio/detail/view_base.hpp>
#include <vmio/error.hpp>
#include <vmio/protection.hpp>

namespace vmio {

class snapshot;

/// Neighbouring pages of a view that were changed. The last page ends at the end of the view.
struct changed_run {
    std::size_t offset = 0;  ///< in bytes, a multiple of page_size()
    std::size_t size = 0;    ///< in bytes

    friend bool operator==(const changed_run&, const changed_run&) noexcept = default;  ///< member by member
};

/// What counts as a change of a page.
enum class change {
    written,    ///< it was written to, perhaps with equal bytes; mlock(2) counts as a write to all that it locks
    different,  ///< its bytes differ from the snapshot's: they are compared
};

/// The bytes of a snapshot, mapped privately into this process: they can be read, written and restored. Writes are seen
/// by this view only: the kernel copies a page when it is first written. The address never changes.
///
/// Thread-safety: the bytes are those of an array. A member that is not const must not run concurrently with another
/// member, or with a write to the bytes; const members may run concurrently, and see old or new bytes beside a writer.
///
/// Lifetime: keeps the snapshot alive; of spans and pointers see view_bytes. Moved-from: empty (bytes(), data(), size()
/// and range() say so); otherwise only destruction and assignment are allowed.
///
/// Errors are memory_error: ENOMEM, EMFILE.
class VMIO_EXPORT cow_view : public view_bytes {
public:
    /// Moving: see view_bytes.
    /// @{
    cow_view(cow_view&&) noexcept;
    cow_view& operator=(cow_view&&) noexcept;
    /// @}
    ~cow_view();

    /// mprotect(2) of `size` bytes at `offset`: at least one page, whole pages; the last may end at the end of the view.
    /// An access that the new protection forbids raises SIGSEGV. Errors: std::invalid_argument for another part.
    void protect(std::size_t offset, std::size_t size, protection allowed);

    /// Makes this view equal to a new view of the snapshot, at the same address: no changes, no protections.
    /// Cost: by the number of changed pages. Few are copied back, many are dropped (madvise(2)) and mapped again at their
    /// next access.
    void restore();

    /// Restores a part, with the preconditions of protect(), to the bytes that the snapshot had when this view was made or
    /// last restored as a whole.
    void restore(std::size_t offset, std::size_t size);

    /// Returns: the pages that have been written to since the view was made or restored, by offset; of pages copied back
    /// by a restore, and of those that the snapshot's own changes laid over, only the ones that differ.
    /// Cost: one walk of the page tables; where /proc/self/pagemap cannot be read, all pages are compared.
    std::vector<changed_run> changed(change kind = change::written) const;

    /// Returns: a snapshot of the view's present bytes, whatever its protections; independent of the view and of its
    /// snapshot. Cost: by the number of changed pages. An unchanged view shares the snapshot that it was made from, a
    /// slightly changed one its unchanged pages.
    snapshot take_snapshot() const;

    /// Calls take_snapshot() and makes this a view of the result: nothing counts as changed, restore() restores this
    /// state, protections are undone. Returns: the new snapshot; the old one is unchanged.
    snapshot commit();

private:
    friend class snapshot;
    class mapping;
    explicit cow_view(std::unique_ptr<mapping>) noexcept;

    std::unique_ptr<mapping> mapping_;
};

}  // namespace vmio
