// SPDX-License-Identifier: BSL-1.0
/// The common base of the views of a snapshot.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <vmio/address.hpp>

namespace vmio {

/// The bytes of a view, in this process. Offsets are not checked.
///
/// Lifetime: spans, pointers and references are valid until the view is destroyed or assigned to; a move of the view
/// leaves them valid, since the address of the bytes does not change. bytes() and data() are deleted for temporaries:
/// the results would be invalid at the end of the expression. A moved-from view is empty.
class view_bytes {
public:
    /// As in std::span<std::byte>.
    /// @{
    std::span<std::byte> bytes() & noexcept VMIO_LIFETIMEBOUND { return {data_, size_}; }
    std::span<const std::byte> bytes() const& noexcept VMIO_LIFETIMEBOUND { return {data_, size_}; }
    void bytes() const&& = delete;
    std::byte* data() & noexcept VMIO_LIFETIMEBOUND { return data_; }
    const std::byte* data() const& noexcept VMIO_LIFETIMEBOUND { return data_; }
    void data() const&& = delete;
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    std::byte& operator[](std::size_t offset) noexcept VMIO_LIFETIMEBOUND { return data_[offset]; }
    const std::byte& operator[](std::size_t offset) const noexcept VMIO_LIFETIMEBOUND { return data_[offset]; }
    /// @}

    /// The address range of the bytes in this process: a window for a process_memory of process::self(), which honours
    /// protections, so that a forbidden access is an error and not a signal.
    /// process_vm_stream(process_memory(process::self()), view.range()) is a stream over them.
    address_range range() const noexcept { return address_range::of_size(address_of(data_), size_); }

protected:
    /// @cond
    view_bytes(std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}
    view_bytes(view_bytes&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    view_bytes& operator=(view_bytes&& other) noexcept {
        data_ = std::exchange(other.data_, nullptr);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }
    ~view_bytes() = default;
    /// @endcond

private:
    std::byte* data_;
    std::size_t size_;
};

}  // namespace vmio
