// SPDX-License-Identifier: BSL-1.0
/// A copy-on-write view of a snapshot.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include <vmio/detail/config.hpp>
#include <vmio/detail/view_base.hpp>
#include <vmio/error.hpp>
#include <vmio/protection.hpp>

namespace vmio {

class snapshot;

/// Adjacent changed pages of a view. A partial last page ends at the end of the view.
struct changed_run {
    std::size_t offset = 0;  ///< in bytes, a multiple of page_size()
    std::size_t size = 0;    ///< in bytes

    friend bool operator==(const changed_run&, const changed_run&) noexcept = default;  ///< member by member
};

/// Returns: the place: "8192 bytes at offset 4096".
VMIO_EXPORT std::string to_string(const changed_run&);
/// Writes to_string().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const changed_run& value) {
    return out << to_string(value);
}

/// The criterion by which a page counts as changed.
enum class change {
    written,    ///< it was written to, possibly with equal bytes; mlock(2) counts as a write to all pages it locks
    different,  ///< its bytes differ from the snapshot's, by comparison
};

/// The bytes of a snapshot, mapped privately into this process: they can be read, written and restored. Writes are seen
/// by this view only: the kernel copies a page when it is first written. The address never changes.
///
/// Thread-safety: access to the bytes is as to an array. A non-const member must not run concurrently with another
/// member, or with a write to the bytes. Const members may run concurrently; during a write they see old or new bytes.
///
/// Lifetime: keeps the snapshot alive; for spans and pointers see view_bytes. Moved-from: empty, as reported by
/// bytes(), data(), size() and range(); otherwise only destruction and assignment are allowed.
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

    /// Calls mprotect(2) for `size` bytes at `offset`. An access that the new protection forbids raises SIGSEGV.
    /// Precondition: one or more whole pages; the last may end at the end of the view.
    /// Errors: std::invalid_argument if the precondition is not met.
    void protect(std::size_t offset, std::size_t size, protection allowed);

    /// Makes this view equal to a new view of the snapshot, at the same address: no changes, no protections. Pages that
    /// mlock(2) has locked stay locked, but not if a mutable_view has changed the snapshot.
    /// Cost: proportional to the number of changed pages. Few are copied back; many are dropped (madvise(2)) and mapped
    /// again at their next access.
    void restore();

    /// Restores a part, with the preconditions of protect(), to the bytes that the snapshot had when this view was made
    /// or last restored as a whole.
    void restore(std::size_t offset, std::size_t size);

    /// Returns: the pages that were changed since the view was made or restored, by offset. Pages that were copied back
    /// by a restore, and pages that the snapshot itself stores as changes, count only if their bytes differ.
    /// Cost: one walk of the page tables; where /proc/self/pagemap cannot be read, all pages are compared.
    std::vector<changed_run> changed(change kind = change::written) const;

    /// Returns: a snapshot of the view's present bytes, regardless of its protections; independent of the view and of
    /// its snapshot. Cost: proportional to the number of changed pages. An unchanged view shares the snapshot that it
    /// was made from; a view with few changes shares its unchanged pages.
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
