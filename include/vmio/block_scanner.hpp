// SPDX-License-Identifier: BSL-1.0
/// Reading many small blocks of memory with few system calls: the allocations of a heap, for example.
#pragma once

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <ranges>
#include <span>
#include <string>
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

/// A block to be read. It may be empty, lie anywhere, and overlap others.
struct memory_block {
    address start = 0;       ///< of its first byte
    std::uint64_t size = 0;  ///< in bytes
};

/// The result for one block.
struct block_result {
    address start = 0;                 ///< of the block, as requested
    std::uint64_t size = 0;            ///< of the block, as requested, in bytes
    std::span<const std::byte> bytes;  ///< the bytes before the first one that cannot be read
    bool truncated = false;            ///< the block is larger than `max_bytes`, and only so many were read
    std::error_code error;             ///< why `bytes` ends early; none if it does not

    /// The bytes with their address; valid as long as the block_scan or a copy of it exists.
    memory_view view() const { return {start, bytes}; }
};

/// Returns: the address and the size: "16 bytes at 0x1000".
VMIO_EXPORT std::string to_string(const memory_block&);
/// Writes to_string().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const memory_block& b) {
    return out << to_string(b);
}

/// Returns: that, and what was not read: "16 bytes at 0x1000: 8 read, Bad address".
VMIO_EXPORT std::string to_string(const block_result&);
/// Writes to_string().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const block_result& b) {
    return out << to_string(b);
}

class block_scan;

namespace detail {

/// Reads blocks as process_memory::read_blocks() does: each up to the first byte that cannot be read, independently of
/// the others.
using block_reader = std::function<void(std::span<const remote_block>, std::span<block_transfer>)>;

/// Implements scan_blocks(). `unit`: where a byte cannot be read, none can up to the multiples of this around it.
/// `threads`: how many may call `read` at the same time.
VMIO_EXPORT block_scan scan_blocks_by(std::span<const memory_block> blocks, std::size_t max_bytes,
                                      const block_reader& read, std::uint64_t unit, unsigned threads = 1);

}  // namespace detail

/// The results of scan_blocks(), one for each block, in the order of the request, and their bytes: every byte of the
/// target is stored once, so results of blocks that overlap share bytes. Immutable. Copies are cheap and share the
/// bytes, which live as long as the last copy. A moved-from block_scan is empty, as one made by default.
class block_scan {
public:
    /// As of every standard range.
    /// @{
    using value_type = block_result;
    using const_iterator = const block_result*;
    using iterator = const_iterator;
    /// @}

    /// Has no results.
    block_scan() noexcept = default;
    /// A copy shares the bytes; the source of a move is empty afterwards.
    /// @{
    block_scan(const block_scan&) noexcept = default;
    block_scan& operator=(const block_scan&) noexcept = default;
    block_scan(block_scan&& other) noexcept
        : storage_(std::move(other.storage_)),
          results_(std::exchange(other.results_, {})),
          bytes_kept_(std::exchange(other.bytes_kept_, 0)) {}
    block_scan& operator=(block_scan&& other) noexcept {
        block_scan moved(std::move(other));
        std::swap(storage_, moved.storage_);
        std::swap(results_, moved.results_);
        std::swap(bytes_kept_, moved.bytes_kept_);
        return *this;
    }
    ~block_scan() = default;
    /// @}

    /// The results as a contiguous range: the one of block `i` has index `i`, which is not checked. Not callable on a
    /// temporary, whose results would dangle.
    /// @{
    const_iterator begin() const& noexcept { return results_.data(); }
    const_iterator end() const& noexcept { return results_.data() + results_.size(); }
    const block_result& operator[](std::size_t i) const& noexcept { return results_[i]; }
    const_iterator begin() const&& = delete;
    const_iterator end() const&& = delete;
    const block_result& operator[](std::size_t i) const&& = delete;
    /// @}

    /// The number of results.
    std::size_t size() const noexcept { return results_.size(); }
    /// Whether there are none.
    bool empty() const noexcept { return results_.empty(); }

    /// How many bytes of the target were read and are stored.
    std::size_t bytes_kept() const noexcept { return bytes_kept_; }

private:
    friend block_scan detail::scan_blocks_by(std::span<const memory_block>, std::size_t, const detail::block_reader&,
                                             std::uint64_t, unsigned);

    std::shared_ptr<const std::byte> storage_;  // the results, then their bytes
    std::span<const block_result> results_;
    std::size_t bytes_kept_ = 0;
};

static_assert(std::ranges::contiguous_range<const block_scan> && std::ranges::sized_range<const block_scan>);

/// Reads the first `max_bytes` of each block.
/// Returns: one result for each block. One that cannot be read, or not to its end, has an error and does not affect
/// the others; if the process ends meanwhile, each block that was not read by then has ESRCH.
/// Errors: nothing is thrown but std::bad_alloc.
/// Cost: blocks are sorted, and those that overlap or share a page are read as one, about a thousand such runs a call.
/// So the order does not matter, duplicates cost next to nothing, no page is touched on which no block lies, and empty
/// blocks are not read at all. From 16,384 blocks on, as many threads share the work as the memory's options allow. A
/// result takes 56 bytes, and each byte read is stored once; during the call there are 24 more bytes a block and a few
/// hundred KiB a thread. Room for all that is requested is allocated in advance, though what cannot be read never
/// becomes resident: `max_bytes` protects against a size that is nonsense.
/// Races: blocks of a target that runs are not all of one moment.
VMIO_EXPORT block_scan scan_blocks(const process_memory& memory, std::span<const memory_block> blocks,
                                   std::size_t max_bytes = 4096);

/// The same for any memory.
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
        return detail::scan_blocks_by(blocks, max_bytes, read, 1);
    }
}

/// The same for those `records` for which `wanted` returns true: `scan_blocks(memory, allocations, is_live)`. A record
/// is anything that converts to a memory_block, for example a class derived from it.
template <memory_reader M, std::ranges::input_range Records,
          std::predicate<std::ranges::range_reference_t<Records>> Wanted>
block_scan scan_blocks(M&& memory, Records&& records, Wanted wanted, std::size_t max_bytes = 4096) {
    std::vector<memory_block> blocks;
    for (auto&& record : records)
        if (std::invoke(wanted, record)) blocks.push_back(record);
    return scan_blocks(memory, blocks, max_bytes);
}

}  // namespace vmio
