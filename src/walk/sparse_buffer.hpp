// SPDX-License-Identifier: BSL-1.0
/// A buffer that knows which of its pages are zero.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace vmio::detail {

/// Pages that were never written cost no memory, and pages that are zero are not zeroed again: both are what makes a
/// sparse chunk cheap.
class sparse_buffer {
public:
    sparse_buffer() noexcept = default;
    sparse_buffer(const sparse_buffer&) = delete;
    sparse_buffer& operator=(const sparse_buffer&) = delete;
    ~sparse_buffer() { release(); }

    /// How the pages will be used: some of many and then given back, or all of few again and again.
    enum class use { once, again };

    /// Room for `size` bytes; the content is lost if there was not. std::bad_alloc.
    void reserve(std::size_t size, use);
    void release() noexcept;

    /// To be written to.
    std::span<std::byte> writable(std::size_t offset, std::size_t size) noexcept;
    /// Made zero.
    void zero(std::size_t offset, std::size_t size) noexcept;

    const std::byte* data() const noexcept { return data_; }

private:
    void zero_run(std::size_t offset, std::size_t size) noexcept;

    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    std::vector<char> written_;  // by page: 0 or 1
};

}  // namespace vmio::detail
