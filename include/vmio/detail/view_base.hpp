// SPDX-License-Identifier: BSL-1.0
/// What the views of a snapshot have in common.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <vmio/address.hpp>

namespace vmio {

/// Bytes of this process that a view holds: nothing is checked. They stay where they are when
/// the view is moved, so pointers to them stay good; those of a view that is assigned to go.
class view_bytes {
public:
    /// As of a std::span of them.
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

    /// Where they lie in this process: a window for a process_memory of process::self(), which honours protections and
    /// so never faults. process_vm_stream(process_memory(process::self()), view.range()) is a stream over them.
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
