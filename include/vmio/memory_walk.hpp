// SPDX-License-Identifier: BSL-1.0
/// Reading all that can be read of a memory of any kind.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/any_memory.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/memory_gap.hpp>

namespace vmio {

namespace detail {
struct walk_source;
}  // namespace detail

/// Walks what can be read of a memory in ascending order, a chunk at a time:
///
///     for (vmio::memory_walk walk(memory); walk.next();) look_at(walk.range(), walk.bytes());
///
/// A process is walked by region_reader, with the effects described there: no absent page becomes present. Of any other
/// memory, any_memory::ranges() at the start of the walk are read. What cannot be read is in no chunk.
///
/// Cost: a buffer of 512 KiB, whatever the size of the memory.
/// Races: as region_reader.
///
/// Not thread-safe. A moved-from walk may only be assigned to or destroyed.
class VMIO_EXPORT memory_walk {
public:
    /// Constructs a walk positioned before the first chunk; only of what lies in `parts`, which may be unsorted.
    /// Errors: as any_memory::ranges().
    /// @{
    explicit memory_walk(const any_memory& memory);
    memory_walk(const any_memory& memory, std::span<const address_range> parts);
    /// @}

    /// Moves the walk, including the current chunk.
    /// @{
    memory_walk(memory_walk&&) noexcept;
    memory_walk& operator=(memory_walk&&) noexcept;
    /// @}
    ~memory_walk();

    /// Moves to the next chunk and reads it.
    /// Returns: false at the end of the walk.
    /// Errors: memory_error for any errno of the memory but EFAULT and EIO.
    bool next();

    /// Returns: the addresses of the current chunk. Empty before the first next() and after the end.
    const address_range& range() const noexcept { return range_; }
    /// Whether the chunk is known to be zero without being read: it was never touched, or is not
    /// any_memory::stored().
    /// Such a chunk has any size.
    bool zeros() const noexcept { return bytes_.size() != range_.size(); }
    /// Returns: the bytes of the chunk, at most 512 KiB, valid until the next call of next(); empty if zeros().
    std::span<const std::byte> bytes() const noexcept { return bytes_; }

private:
    std::unique_ptr<detail::walk_source> source_;
    address_range range_;
    std::span<const std::byte> bytes_;
};

/// Fills `to` with every byte of the memory that can be read from `from` on, as read_past_gaps() does for a process,
/// which it calls for one.
/// Returns: the gaps, sorted. Their reasons are those of any_memory::gaps(); gap_reason::unmapped where it has none.
/// Errors: memory_error for any errno of the memory but EFAULT and EIO; std::out_of_range if the range ends above
/// 2^64 - 1.
VMIO_EXPORT std::vector<memory_gap> read_past_gaps(const any_memory& memory, address from, std::span<std::byte> to,
                                                   gap_fill fill = gap_fill::zeros);

}  // namespace vmio
