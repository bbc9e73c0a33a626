// SPDX-License-Identifier: BSL-1.0
/// A buffer that knows which of its pages are zero.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace vmio {

/// Pages that were never written cost no memory, and pages that are zero are not zeroed again: both are what makes a
/// sparse chunk cheap.
class chunk_buffer {
public:
    chunk_buffer() noexcept = default;
    chunk_buffer(const chunk_buffer&) = delete;
    chunk_buffer& operator=(const chunk_buffer&) = delete;
    ~chunk_buffer() { release(); }

    /// Room for `size` bytes; the content is lost if there was not. std::bad_alloc.
    void reserve(std::size_t size);
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
    std::vector<bool> written_;  // by page
};

}  // namespace vmio
