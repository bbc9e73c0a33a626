// SPDX-License-Identifier: BSL-1.0
/// Reads the pieces of a region, few calls for many pieces.
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

/// Takes what is found in a region: each part of it once, by address, but for what is told again.
class piece_consumer {
public:
    /// Room for the start of `range`, to be filled until finish(). Empty: no more can be taken, and the range is a gap.
    virtual std::span<std::byte> room(const address_range& range) = 0;
    /// From there on the room that was given last stays empty.
    virtual void give_back(address from) = 0;
    /// Known to be zero without a look at it.
    virtual void add_zeros(const address_range&) = 0;
    /// Room that was given for it may be filled with zeros.
    virtual void add_gap(const memory_gap&) = 0;
    /// What was told of it was wrong: it is told again.
    virtual void forget(const address_range&) = 0;

protected:
    piece_consumer() = default;
    piece_consumer(const piece_consumer&) = default;
    piece_consumer& operator=(const piece_consumer&) = default;
    ~piece_consumer() = default;
};

class piece_reader {
public:
    explicit piece_reader(process_memory memory)
        : memory_(std::move(memory)), maps_(memory_.target().maps(), memory_.target().proc_directory()) {}

    /// Reads `range`, which `source` is for. memory_error if the process is gone.
    void read(const region_source& source, const address_range& range, piece_consumer& to);

    /// Fills all room that was given; for sinks, which may add gaps by it.
    void finish();

private:
    void read_memory(address_range);
    void read_file(const region_source&, const address_range&);
    /// A part of `to`, which is for `at`; nothing where the file has become shorter: `size` tells.
    std::size_t read_file_bytes(const backing_file&, std::uint64_t offset, address at, std::span<std::byte> to,
                                std::uint64_t& size);
    void read_past_gaps(address, std::span<std::byte>);
    void check(const region_source&, const address_range&);

    process_memory memory_;
    std::optional<process_memory> forced_;  // for protected memory, opened when it is needed
    const process_memory* by_ = nullptr;    // one of these
    vma_lookup maps_;
    piece_consumer* sink_ = nullptr;
    std::vector<address_range> inferred_;  // not from memory
    std::vector<remote_block> blocks_;
    std::vector<block_transfer> results_;
};

}  // namespace vmio::detail
