// SPDX-License-Identifier: BSL-1.0
/// A buffer that knows which of its pages are zero.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace vmio::detail {

/// Pages that were never written take no memory, and pages that are zero are not zeroed again: so a sparse chunk is
/// cheap.
class sparse_buffer {
public:
    sparse_buffer() noexcept = default;
    sparse_buffer(const sparse_buffer&) = delete;
    sparse_buffer& operator=(const sparse_buffer&) = delete;
    ~sparse_buffer() { release(); }

    /// How the pages will be used: a few of many, once, before they are freed; or all of a few, repeatedly.
    enum class use { once, again };

    /// Ensures room for `size` bytes; the content is lost if the buffer has to grow. Throws std::bad_alloc.
    void reserve(std::size_t size, use);
    void release() noexcept;

    /// Bytes to be written; their pages no longer count as zero.
    std::span<std::byte> writable(std::size_t offset, std::size_t size) noexcept;
    /// Zeroes bytes.
    void zero(std::size_t offset, std::size_t size) noexcept;

    const std::byte* data() const noexcept { return data_; }

private:
    void zero_run(std::size_t offset, std::size_t size) noexcept;

    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    std::vector<char> written_;  // by page: 0 or 1
};

}  // namespace vmio::detail
