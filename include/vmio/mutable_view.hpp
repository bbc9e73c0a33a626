// SPDX-License-Identifier: BSL-1.0
/// A view that changes its snapshot.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <vmio/cow_view.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/detail/view_base.hpp>
#include <vmio/protection.hpp>

namespace vmio {

class snapshot;

/// The bytes of a snapshot itself, writable: views of the snapshot that are made from now on see what is written here.
/// A view that is made while this exists also sees later writes, in pages that it has not written itself. The
/// destructor seals the snapshot against writing again. There is one mutable_view of a snapshot at a time:
/// snapshot::view_mutable().
///
/// Lifetime, thread-safety and moved-from state: see cow_view. A child of fork(2) does not have these bytes: an
/// access to them there raises SIGSEGV.
class VMIO_EXPORT mutable_view : public view_bytes {
public:
    /// Moving: see view_bytes.
    /// @{
    mutable_view(mutable_view&&) noexcept;
    mutable_view& operator=(mutable_view&&) noexcept;
    /// @}
    ~mutable_view();

    /// See cow_view::protect(). protection::read_write restores access.
    void protect(std::size_t offset, std::size_t size, protection allowed);

    /// No-ops, for generic code over either kind of view: the snapshot is the content of this view, so nothing differs.
    /// @{
    void restore() noexcept {}
    void restore(std::size_t /*offset*/, std::size_t /*size*/) noexcept {}
    std::vector<changed_run> changed(change = change::written) const { return {}; }
    /// @}

    /// Returns: an independent copy of the snapshot as it is now.
    snapshot take_snapshot() const;

private:
    friend class snapshot;
    class lease;
    explicit mutable_view(std::unique_ptr<lease>) noexcept;

    std::unique_ptr<lease> lease_;
};

}  // namespace vmio
