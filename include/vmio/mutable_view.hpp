// SPDX-License-Identifier: BSL-1.0
/// The view that changes a snapshot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/cow_view.hpp>
#include <vmio/export.hpp>
#include <vmio/protection.hpp>

namespace vmio {

class snapshot;

/// The bytes of a snapshot themselves: what is written here is what views of the snapshot see that are made from now
/// on. One that is made while this exists sees what is written later too, in the pages that it has not written itself.
/// When this goes the snapshot is sealed against writing again. There is one at a time: snapshot::view_mutable().
///
/// Keeps the snapshot alive. Bytes and threads: as cow_view. A child of fork(2) does not have these bytes: touching
/// them there raises SIGSEGV. After a move only destruction and assignment make sense.
class VMIO_EXPORT mutable_view {
public:
    /// The bytes stay where they are, so pointers to them stay good; those of a view that is assigned to go.
    /// @{
    mutable_view(mutable_view&&) noexcept;
    mutable_view& operator=(mutable_view&&) noexcept;
    /// @}
    ~mutable_view();

    /// As of a std::span of them: nothing is checked.
    /// @{
    std::span<std::byte> bytes() noexcept { return {data_, size_}; }
    std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
    std::byte* data() noexcept { return data_; }
    const std::byte* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    std::byte& operator[](std::size_t offset) noexcept { return data_[offset]; }
    const std::byte& operator[](std::size_t offset) const noexcept { return data_[offset]; }
    /// @}

    /// As cow_view::range().
    address_range range() const noexcept {
        return address_range::of_size(reinterpret_cast<std::uintptr_t>(data_), size_);
    }

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

    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    std::unique_ptr<lease> lease_;
};

}  // namespace vmio
