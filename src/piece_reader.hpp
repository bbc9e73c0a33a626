// SPDX-License-Identifier: BSL-1.0
/// Fills a buffer with the pieces of a region, few calls for many pieces.
#pragma once

#include <vector>

#include <vmio/memory_gap.hpp>
#include <vmio/process_memory.hpp>

#include "chunk_buffer.hpp"
#include "region_source.hpp"

namespace vmio {

class piece_reader {
public:
    piece_reader(process_memory memory, chunk_buffer& buffer) : memory_(std::move(memory)), buffer_(buffer) {}

    /// Puts the bytes of `range` at `offset` of the buffer, and adds what cannot be read to `gaps` and what is known to
    /// be zero to `zeros`; there the buffer is zero. memory_error if the process is gone.
    void read(const region_source& source, const address_range& range, std::size_t offset,
              std::vector<memory_gap>& gaps, std::vector<address_range>& zeros);

private:
    void read_blocks(std::vector<memory_gap>& gaps);
    void read_file(const region_source&, const address_range&, std::vector<memory_gap>& gaps,
                   std::vector<address_range>& zeros);
    void read_memory(const address_range&, std::vector<memory_gap>& gaps);
    void check(const region_source&, const address_range&, std::vector<memory_gap>& gaps,
               std::vector<address_range>& zeros);

    std::size_t place(address a) const noexcept { return offset_ + static_cast<std::size_t>(a - start_); }
    void zero(const address_range& r) noexcept { buffer_.zero(place(r.start()), static_cast<std::size_t>(r.size())); }
    std::span<std::byte> writable(const address_range& r) noexcept {
        return buffer_.writable(place(r.start()), static_cast<std::size_t>(r.size()));
    }

    process_memory memory_;
    chunk_buffer& buffer_;
    address start_ = 0;
    std::size_t offset_ = 0;
    std::vector<remote_block> blocks_;
    std::vector<block_transfer> results_;
};

/// Sorts them and joins neighbours of one reason.
void join(std::vector<memory_gap>& gaps);

/// Adds a range that lies behind the others, to the last one if that is its neighbour.
void append(std::vector<address_range>& ranges, const address_range& range);

}  // namespace vmio
