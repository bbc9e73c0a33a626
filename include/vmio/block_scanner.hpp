// SPDX-License-Identifier: BSL-1.0
/// Many small blocks of memory at once: the allocations of a heap, say.
#pragma once

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ranges>
#include <span>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/memory.hpp>
#include <vmio/memory_view.hpp>
#include <vmio/process_memory.hpp>

namespace vmio {

/// A block that is asked for. It may be empty, lie anywhere, and overlap others.
struct memory_block {
    address start = 0;       ///< of its first byte
    std::uint64_t size = 0;  ///< in bytes
};

/// What came of it.
struct block_result {
    address start = 0;                 ///< as asked for
    std::uint64_t size = 0;            ///< likewise, in bytes
    std::span<const std::byte> bytes;  ///< those before the first that cannot be read
    bool truncated = false;            ///< it is larger than the most that was to be read of a block
    std::error_code error;             ///< why there are fewer than were to be read

    /// The bytes with their address; valid as long as the block_scan.
    memory_view view() const { return {start, bytes}; }
};

/// The results of scan_blocks(), one for each block, in the order in which they were asked for, and their bytes: every
/// byte of the target once, so results of blocks that overlap share them. Copies are cheap and share all.
class block_scan {
public:
    /// As of every standard range.
    /// @{
    using value_type = block_result;
    using const_iterator = const block_result*;
    using iterator = const_iterator;
    /// @}

    /// Reads blocks as process_memory::read_blocks() does: each as far as it goes, whatever happens to the others.
    using transfer = std::function<void(std::span<const remote_block>, std::span<block_transfer>)>;

    /// No results.
    block_scan() noexcept = default;

    /// What scan_blocks() calls. `unit`: where a byte cannot be read, none can up to the multiples of this around it.
    /// `threads`: how many may call `move` at the same time.
    VMIO_EXPORT block_scan(std::span<const memory_block> blocks, std::size_t max_bytes, const transfer& move,
                           std::uint64_t unit, unsigned threads = 1);

    /// The results: that of block `i` is at `i`, which is not checked.
    /// @{
    const_iterator begin() const noexcept { return results_.data(); }
    const_iterator end() const noexcept { return results_.data() + results_.size(); }
    std::size_t size() const noexcept { return results_.size(); }
    bool empty() const noexcept { return results_.empty(); }
    const block_result& operator[](std::size_t i) const noexcept { return results_[i]; }
    /// @}

    /// How many bytes were read and are kept.
    std::size_t bytes_kept() const noexcept { return bytes_kept_; }

private:
    std::shared_ptr<const std::byte> storage_;  // the results, then their bytes
    std::span<const block_result> results_;
    std::size_t bytes_kept_ = 0;
};

/// Reads the first `max_bytes` of each block. One that cannot be read, or not to its end, has an error and never costs
/// another one anything; if the process ends meanwhile, each that was not read by then has ESRCH. Nothing is thrown but
/// std::bad_alloc. Blocks of a target that runs are not all of one moment.
///
/// Blocks are sorted, and those that overlap or share a page are read as one, about a thousand such runs a call. So the
/// order does not matter, duplicates cost next to nothing, and no page is touched that none of the blocks lies on.
/// Empty blocks are not read at all. From 16,384 blocks on, as many threads share the work as the memory's options
/// allow.
///
/// A result takes 56 bytes, and the bytes what they are, each once; while it runs there are 24 more a block and some
/// hundred kibibytes a thread. Room for all that is asked for is allocated before, though what cannot be read never
/// becomes present: `max_bytes` is what protects from a size that is nonsense.
VMIO_EXPORT block_scan scan_blocks(const process_memory& memory, std::span<const memory_block> blocks,
                                   std::size_t max_bytes = 4096);

/// The same from any memory.
template <memory_reader M>
block_scan scan_blocks(M&& memory, std::span<const memory_block> blocks, std::size_t max_bytes = 4096) {
    if constexpr (std::same_as<std::remove_cvref_t<M>, process_memory>) {
        return scan_blocks(std::as_const(memory), blocks, max_bytes);
    } else {
        auto read = [&memory](std::span<const remote_block> wanted, std::span<block_transfer> results) {
            for (std::size_t i = 0; i < wanted.size(); ++i) {
                const auto& [start, bytes] = wanted[i];
                auto& [moved, error] = results[i];
                for (moved = 0, error.clear(); moved < bytes.size() && !error;) {
                    const std::size_t step = memory.read_some(start + moved, bytes.subspan(moved), error);
                    if (step == 0 && !error) error.assign(EFAULT, std::system_category());
                    moved += step;
                }
            }
        };
        return block_scan(blocks, max_bytes, read, 1);
    }
}

/// The same for those `records` that `wanted` says yes to: `scan_blocks(memory, allocations, is_live)`. A record is
/// anything that converts to a memory_block, as whatever is derived from it does.
template <memory_reader M, std::ranges::input_range Records,
          std::predicate<std::ranges::range_reference_t<Records>> Wanted>
block_scan scan_blocks(M&& memory, Records&& records, Wanted wanted, std::size_t max_bytes = 4096) {
    std::vector<memory_block> blocks;
    for (auto&& record : records)
        if (std::invoke(wanted, record)) blocks.push_back(record);
    return scan_blocks(memory, blocks, max_bytes);
}

}  // namespace vmio
