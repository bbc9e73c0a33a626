// SPDX-License-Identifier: BSL-1.0
/// The remote iovecs of one process_vm_readv(2) or process_vm_writev(2).
#pragma once

#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>

#include <sys/uio.h>

#include <vmio/address.hpp>

namespace vmio::detail {

/// A fixed array of iovecs on the stack, filled by splitting ranges at multiples of `run`:
///
///     |.....===|========|========|==......|      | multiples of run, which is a multiple of the page size
///           1       2       3     4              a part run, whole runs, a part run
///
/// The documented granularity of partial transfers is an iovec (process_vm_readv(2)), and the actual one is a page;
/// both hold with iovecs that begin and end at page boundaries. Runs are large because each iovec has a cost and takes
/// the target's mmap lock once more: an iovec per page is 15-40 % slower and halves the speed of a target that maps and
/// unmaps. The kernel pins the pages of a run, at most 4 MiB at a time, before it copies them, and accesses their
/// struct page again after: for transfers larger than the caches, runs short enough for these to stay cached are up to
/// a tenth faster.
class iovec_batch {
public:
    static constexpr std::size_t max_pieces = IOV_MAX;
    static constexpr std::size_t max_bytes = 0x7ffff000;  // MAX_RW_COUNT: the kernel moves no more in one call
    static constexpr std::size_t default_run = std::size_t{4} << 20;
    static constexpr std::size_t short_run = std::size_t{256} << 10;

    /// Returns: the fastest run for a transfer of `size` bytes.
    static constexpr std::size_t run_for(std::size_t size) noexcept {
        return size < std::size_t{32} << 20 ? default_run : short_run;
    }

    /// `run`: a power of two, at least a page.
    explicit iovec_batch(std::size_t run = default_run) noexcept : run_(run) {}

    /// Adds as many of the `size` bytes at `start` as fit, up to the top of the address space.
    /// Returns: the number of bytes added.
    std::size_t add(address start, std::size_t size) noexcept {
        std::size_t taken = 0;
        if (const address to_top = ~start; size > 0 && size - 1 > to_top) size = static_cast<std::size_t>(to_top) + 1;
        if (size > max_bytes - bytes_) size = max_bytes - bytes_;
        while (taken < size && count_ < max_pieces) {
            const address at = start + taken;
            std::size_t piece = run_ - static_cast<std::size_t>(at & (run_ - 1));
            if (piece > size - taken) piece = size - taken;
            pieces_[count_++] = {reinterpret_cast<void*>(static_cast<std::uintptr_t>(at)), piece};
            taken += piece;
        }
        bytes_ += taken;
        return taken;
    }

    const iovec* data() const noexcept { return pieces_.data(); }
    std::size_t count() const noexcept { return count_; }
    std::size_t bytes() const noexcept { return bytes_; }
    const iovec& operator[](std::size_t i) const noexcept { return pieces_[i]; }

private:
    static_assert(sizeof(std::uintptr_t) == sizeof(address), "an iovec must be able to hold any address");

    std::size_t run_;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
    std::array<iovec, max_pieces> pieces_;  // uninitialised: most transfers use the first only
};

}  // namespace vmio::detail
