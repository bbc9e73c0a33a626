// SPDX-License-Identifier: BSL-1.0
/// The view that changes a snapshot.
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

/// The bytes of a snapshot themselves: what is written here is what views of the snapshot see that are made from now
/// on. One that is made while this exists sees what is written later too, in the pages that it has not written itself.
/// When this goes the snapshot is sealed against writing again. There is one at a time: snapshot::view_mutable().
///
/// Keeps the snapshot alive. Bytes and threads: as cow_view. A child of fork(2) does not have these bytes: touching
/// them there raises SIGSEGV. After a move only destruction and assignment make sense.
class VMIO_EXPORT mutable_view : public view_bytes {
public:
    /// As said of view_bytes.
    /// @{
    mutable_view(mutable_view&&) noexcept;
    mutable_view& operator=(mutable_view&&) noexcept;
    /// @}
    ~mutable_view();

    /// As cow_view::protect(); read_write undoes it.
    void protect(std::size_t offset, std::size_t size, protection allowed);

    /// Nothing happens, and nothing differs: the snapshot is what this holds. For code that takes either kind of view.
    /// @{
    void restore() noexcept {}
    void restore(std::size_t /*offset*/, std::size_t /*size*/) noexcept {}
    std::vector<changed_run> changed(change = change::written) const { return {}; }
    /// @}

    /// An independent copy of what the snapshot holds now.
    snapshot take_snapshot() const;

private:
    friend class snapshot;
    class lease;
    explicit mutable_view(std::unique_ptr<lease>) noexcept;

    std::unique_ptr<lease> lease_;
};

}  // namespace vmio
