// SPDX-License-Identifier: BSL-1.0
#include "transfer/huge_buffer.hpp"

#include <cstdint>
#include <limits>
#include <new>

#include <sys/mman.h>

#include <vmio/address.hpp>

namespace vmio::detail {

std::shared_ptr<std::byte> make_huge_buffer(std::size_t size) {
    // Huge pages of other sizes are not used.
    constexpr std::size_t huge_page = std::size_t{2} << 20;
    if (size < huge_page) return {new std::byte[size], std::default_delete<std::byte[]>()};

    if (size > std::numeric_limits<std::size_t>::max() - 2 * huge_page) throw std::bad_alloc();
    size = static_cast<std::size_t>(align_up(size, huge_page));
    void* const mapped = ::mmap(nullptr, size + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    const std::size_t before = -reinterpret_cast<std::uintptr_t>(mapped) & (huge_page - 1);
    auto* const first = static_cast<std::byte*>(mapped) + before;
    if (before > 0) ::munmap(mapped, before);
    if (before < huge_page) ::munmap(first + size, huge_page - before);
    ::madvise(first, size, MADV_HUGEPAGE);  // ignored: EINVAL of a kernel without huge pages
    return {first, [size](std::byte* p) { ::munmap(p, size); }};
}

}  // namespace vmio::detail
