// SPDX-License-Identifier: BSL-1.0
#include "chunk_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include <sys/mman.h>
#include <vmio/address.hpp>

namespace vmio {

void chunk_buffer::reserve(std::size_t size) {
    if (size <= size_) return;
    release();
    size = static_cast<std::size_t>(align_up(size, page_size()));
    written_.assign(size / page_size(), false);
    void* const p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<std::byte*>(p);
    size_ = size;
}

void chunk_buffer::release() noexcept {
    if (data_ != nullptr) ::munmap(data_, size_);
    data_ = nullptr;
    size_ = 0;
    written_ = {};
}

std::span<std::byte> chunk_buffer::writable(std::size_t offset, std::size_t size) noexcept {
    if (size > 0)
        std::fill(written_.begin() + static_cast<std::ptrdiff_t>(offset / page_size()),
                  written_.begin() + static_cast<std::ptrdiff_t>((offset + size - 1) / page_size() + 1), true);
    return {data_ + offset, size};
}

void chunk_buffer::zero(std::size_t offset, std::size_t size) noexcept {
    const std::size_t end = offset + size;
    while (offset < end) {
        // The next run of pages that were written.
        const auto last = written_.begin() + static_cast<std::ptrdiff_t>((end - 1) / page_size() + 1);
        const auto first = std::find(written_.begin() + static_cast<std::ptrdiff_t>(offset / page_size()), last, true);
        const auto stop = std::find(first, last, false);
        if (first == last) return;
        const auto run_start = static_cast<std::size_t>(first - written_.begin()) * page_size();
        const auto run_end = static_cast<std::size_t>(stop - written_.begin()) * page_size();
        const std::size_t from = std::max(offset, run_start);
        const std::size_t to = std::min(end, run_end);
        zero_run(from, to - from);
        offset = to;
    }
}

void chunk_buffer::zero_run(std::size_t offset, std::size_t size) noexcept {
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
    if (first < last)
        std::fill(written_.begin() + static_cast<std::ptrdiff_t>(first / page_size()),
                  written_.begin() + static_cast<std::ptrdiff_t>(last / page_size()), false);
}

}  // namespace vmio
