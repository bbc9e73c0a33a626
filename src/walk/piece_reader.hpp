// SPDX-License-Identifier: BSL-1.0
/// Reads the pieces of a region with few calls for many pieces.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <vmio/memory_gap.hpp>
#include <vmio/process_memory.hpp>

#include "proc/vma_lookup.hpp"
#include "walk/region_source.hpp"

namespace vmio::detail {

/// Receives the content of a region in ascending order, each part once; a part that was forgotten is sent again.
class piece_consumer {
public:
    /// Returns: room for the first bytes of `range`, which is filled by finish() at the latest; empty if no more bytes
    /// are accepted: the range then becomes a gap.
    virtual std::span<std::byte> room(const address_range& range) = 0;
    /// The room that was returned last is not filled from that address on.
    virtual void give_back(address from) = 0;
    /// The range is known to be zero without reading it.
    virtual void add_zeros(const address_range&) = 0;
    /// Room that was returned for it may be filled with zeros.
    virtual void add_gap(const memory_gap&) = 0;
    /// What was sent for this range was wrong; it is sent again.
    virtual void forget(const address_range&) = 0;

protected:
    piece_consumer() = default;
    piece_consumer(const piece_consumer&) = default;
    piece_consumer& operator=(const piece_consumer&) = default;
    ~piece_consumer() = default;
};

class piece_reader {
public:
    explicit piece_reader(process_memory memory) : memory_(std::move(memory)) {}

    /// Reads `range`. Precondition: it lies in the mapping of `source`.
    /// Errors: memory_error if the process has ended or called exec; what `to` throws.
    void read(const region_source& source, const address_range& range, piece_consumer& to);

    /// Fills all room that was returned so far, which may add gaps. For consumers that need the bytes.
    void finish();

private:
    void read_memory(address_range);
    void read_file(const region_source&, const address_range&);
    /// Fills the first part of `to`, the bytes at `at`. Returns 0 if the file has been truncated: see `size`.
    std::size_t read_file_bytes(const backing_file&, std::uint64_t offset, address at, std::span<std::byte> to,
                                std::uint64_t& size);
    void read_past_gaps(address, std::span<std::byte>);
    void check(const region_source&, const address_range&);

    process_memory memory_;
    std::optional<process_memory> forced_;  // for protected memory, opened when it is needed
    const process_memory* by_ = nullptr;    // one of these
    std::optional<vma_lookup> maps_;        // made when first needed
    piece_consumer* sink_ = nullptr;
    std::vector<address_range> inferred_;  // parts of the range that were not read from memory
    std::vector<remote_block> blocks_;
    std::vector<block_transfer> results_;
};

}  // namespace vmio::detail
