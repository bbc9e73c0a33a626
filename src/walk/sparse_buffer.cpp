// SPDX-License-Identifier: BSL-1.0
#include "walk/sparse_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include <sys/mman.h>
#include <vmio/address.hpp>

namespace vmio::detail {

void sparse_buffer::reserve(std::size_t size, use how) {
    if (size <= size_) return;
    release();
    size = static_cast<std::size_t>(align_up(size, page_size()));
    written_.assign(size / page_size(), 0);
    void* const p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<std::byte*>(p);
    size_ = size;
    if (how == use::again) ::madvise(data_, size_, MADV_HUGEPAGE);
}

void sparse_buffer::release() noexcept {
    if (data_ != nullptr) ::munmap(data_, size_);
    data_ = nullptr;
    size_ = 0;
    written_ = {};
}

std::span<std::byte> sparse_buffer::writable(std::size_t offset, std::size_t size) noexcept {
    if (size > 0) {
        const std::size_t first = offset / page_size();
        std::memset(written_.data() + first, 1, (offset + size - 1) / page_size() + 1 - first);
    }
    return {data_ + offset, size};
}

void sparse_buffer::zero(std::size_t offset, std::size_t size) noexcept {
    const std::size_t end = offset + size;
    const char* const flags = written_.data();
    const char* const last = flags + (end + page_size() - 1) / page_size();
    while (offset < end) {
        // Find the next run of pages that were written.
        const char* const at = flags + offset / page_size();
        const void* const found = std::memchr(at, 1, static_cast<std::size_t>(last - at));
        if (found == nullptr) return;
        const char* const first = static_cast<const char*>(found);
        const char* const stop = std::find(first, last, 0);
        const std::size_t from = std::max(offset, static_cast<std::size_t>(first - flags) * page_size());
        const std::size_t to = std::min(end, static_cast<std::size_t>(stop - flags) * page_size());
        zero_run(from, to - from);
        offset = to;
    }
}

void sparse_buffer::zero_run(std::size_t offset, std::size_t size) noexcept {
    constexpr std::size_t worth_giving_back = std::size_t{4} << 20;
    const std::size_t first = static_cast<std::size_t>(align_up(offset, page_size()));
    const std::size_t last = static_cast<std::size_t>(align_down(offset + size, page_size()));
    if (first < last && last - first >= worth_giving_back &&
        ::madvise(data_ + first, last - first, MADV_DONTNEED) == 0) {
        std::memset(data_ + offset, 0, first - offset);
        std::memset(data_ + last, 0, offset + size - last);
    } else {
        std::memset(data_ + offset, 0, size);
    }
    if (first < last) std::memset(written_.data() + first / page_size(), 0, (last - first) / page_size());
}

}  // namespace vmio::detail
