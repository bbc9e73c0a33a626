// SPDX-License-Identifier: BSL-1.0
#include "transfer/stack_growth.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <limits>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/vma_lookup.hpp"

namespace vmio::detail {
namespace {

enum class answer : unsigned char { unknown, no, yes };

///     | no access | no access |   hole   |  stack   |
///
/// The kernel gives no other mapping a place so near below a stack, and a stack may grow up to memory that nothing can
/// access.
answer try_it() noexcept {
    const std::size_t page = page_size();
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* const room = ::mmap(nullptr, 4 * page, PROT_NONE, flags, -1, 0);
    if (room == MAP_FAILED) return answer::unknown;
    auto* const hole = static_cast<std::byte*>(room) + 2 * page;
    std::byte* const stack = hole + page;
    answer found = answer::unknown;
    if (::mmap(stack, page, PROT_READ | PROT_WRITE, flags | MAP_GROWSDOWN | MAP_FIXED, -1, 0) == stack &&
        ::munmap(hole, page) == 0) {
        std::byte byte{};
        const iovec here{&byte, 1};
        const iovec below{stack - 1, 1};
        if (::process_vm_readv(::getpid(), &here, 1, &below, 1, 0) == 1)
            found = answer::yes;
        else if (last_system_error().value() == EFAULT)
            found = answer::no;
    }
    ::munmap(room, 4 * page);
    return found;
}

/// Returns: the end of the pages from `at` on that are present or swapped, so that they are mapped.
address end_of_used_pages(int pagemap, address at, address end) noexcept {
    std::array<std::uint64_t, 512> entries;
    while (at < end) {
        const auto most = std::min<std::uint64_t>(entries.size(), (end - at - 1) / page_size() + 1);
        const ssize_t got = sys::pread(pagemap, entries.data(), static_cast<std::size_t>(most) * sizeof entries[0],
                                       static_cast<off_t>(at / page_size() * sizeof entries[0]));
        if (got < static_cast<ssize_t>(sizeof entries[0])) break;
        constexpr std::uint64_t used = std::uint64_t{3} << 62;
        const auto count = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(got) / sizeof entries[0]);
        const auto stop = std::find_if(entries.begin(), entries.begin() + count,
                                       [](std::uint64_t entry) { return (entry & used) == 0; });
        at = align_down(at, page_size()) + static_cast<std::uint64_t>(stop - entries.begin()) * page_size();
        if (stop != entries.begin() + count) break;
    }
    return std::min(at, end);
}

}  // namespace

bool calls_grow_stacks() noexcept {
    static std::atomic<answer> known{answer::unknown};
    answer now = known.load(std::memory_order_relaxed);
    if (now == answer::unknown) known.store(now = try_it(), std::memory_order_relaxed);
    return now != answer::no;
}

std::size_t mapped_part(const process& target, int pagemap, address from, std::size_t size) noexcept {
    constexpr address top = std::numeric_limits<std::int64_t>::max();  // the kernel's half has no stacks
    if (size == 0 || from > top) return size;
    const address end = size > top - from ? top : from + size;
    address at = pagemap < 0 ? from : std::max(from, end_of_used_pages(pagemap, from, end));
    if (at == end) return size;
    // The maps of the program that runs now, as it is for the call.
    const file_descriptor maps(sys::openat(target.proc_directory(), "maps", O_RDONLY | O_CLOEXEC));
    if (!maps) return size;
    vma_lookup all(maps.get());
    vma_info found;
    for (; at < end; at = found.range.end()) {
        const std::error_code ec = all.at_or_above(at, found);
        if (ec && ec.value() != ENOENT) return size;
        if (ec || !found.range.contains(at)) break;
    }
    return at >= end ? size : static_cast<std::size_t>(at - from);
}

}  // namespace vmio::detail
