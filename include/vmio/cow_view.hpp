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

/// Neighbouring pages of a view that were changed. The last page of a view counts up to the end of the view.
struct changed_run {
    std::size_t offset = 0;  ///< in bytes, a multiple of page_size()
    std::size_t size = 0;    ///< in bytes

    friend bool operator==(const changed_run&, const changed_run&) noexcept = default;  ///< member by member
};

/// What counts as a change of a page.
enum class change {
    written,    ///< it was written to, perhaps with what was there, as by mlock(2) to all that it locks
    different,  ///< its bytes differ from the snapshot's: they are compared
};

/// The bytes of a snapshot in our memory, to be read, written and put back. What is written stays in this view: the
/// kernel copies a page when it is first written. The address never changes.
///
/// Bytes may be used by any threads like those of an array. Members that are not const must not run while others do, or
/// while somebody writes to the bytes; const ones may run side by side, and with a writer they see old or new bytes.
/// Keeps the snapshot alive. After a move only destruction and assignment make sense.
///
/// Errors are memory_error: ENOMEM, EMFILE.
class VMIO_EXPORT cow_view : public view_bytes {
public:
    /// As said of view_bytes.
    /// @{
    cow_view(cow_view&&) noexcept;
    cow_view& operator=(cow_view&&) noexcept;
    /// @}
    ~cow_view();

    /// mprotect(2) on a part: whole pages, of which the last may be cut off by the end of the view, and at least one;
    /// else std::invalid_argument. What the new protection forbids raises SIGSEGV.
    void protect(std::size_t offset, std::size_t size, protection allowed);

    /// Makes it as a new view of the snapshot would be now, at the same address: no changes, no protections. Costs what
    /// was changed: few pages are copied back, many are given back to the kernel to be mapped again when touched.
    void restore();

    /// The same for a part, whose pages are named as for protect(). They get the bytes that the snapshot had when this
    /// view was made or last restored as a whole.
    void restore(std::size_t offset, std::size_t size);

    /// The pages that have been written to since the view was made or restored, by offset; of those put back by a
    /// restore, or changed in the snapshot before, the ones that differ. Where the kernel does not let us see its page
    /// map (/proc/self/pagemap), all pages are compared.
    std::vector<changed_run> changed(change kind = change::written) const;

    /// A snapshot of what the view holds now, whatever its protections; independent of both. Costs what was changed: an
    /// unchanged view shares the snapshot that it was made from, a slightly changed one its unchanged pages.
    snapshot take_snapshot() const;

    /// take_snapshot(), and from then on this is a view of that: nothing is changed, and restore() comes back to here.
    /// Protections are undone. Returns the new snapshot; the old one stays as it is.
    snapshot commit();

private:
    friend class snapshot;
    class mapping;
    explicit cow_view(std::unique_ptr<mapping>) noexcept;

    std::unique_ptr<mapping> mapping_;
};

}  // namespace vmio
