// SPDX-License-Identifier: BSL-1.0
/// Copying process memory to a file, through a buffer that fits in the CPU cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <vmio/capture_options.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/process_memory.hpp>

#include "walk/piece_reader.hpp"
#include "walk/region_source.hpp"

namespace vmio::detail {

/// The result of all copies: sorted by address, except for ranges that had to be read again.
struct copied_pages {
    std::vector<address_range> stored;  // pages that are not zero
    std::vector<memory_gap> gaps;
};

/// Copies memory that is neither known nor found to be zero. Precondition: ranges are copied in the order of their
/// addresses.
class page_copier final : piece_consumer {
public:
    using report = std::function<void(const capture_progress&)>;

    /// Writes to `file`, at most `most` bytes in total.
    page_copier(process_memory memory, int file, std::uint64_t most, report progress);

    /// Copies `range`, part of the mapping of `source`; its first byte is placed at `offset` in the file.
    /// Errors: memory_error.
    void copy(const region_source& source, const address_range& range, std::uint64_t offset);

    /// Copies bytes that have been read already; otherwise the same.
    void put(address start, std::span<const std::byte> bytes, std::uint64_t offset);

    const copied_pages& done() const noexcept { return done_; }
    copied_pages& done() noexcept { return done_; }

private:
    struct part {
        address_range range;
        std::size_t at;  // in the buffer
    };

    std::span<std::byte> room(const address_range&) override;
    void give_back(address from) override;
    void add_zeros(const address_range&) override {}  // not stored
    void add_gap(const memory_gap& gap) override { done_.gaps.push_back(gap); }
    void forget(const address_range&) override;

    void flush();
    void store(const address_range& range, const std::byte* bytes);
    void store_run(const address_range&, std::span<const std::byte>);

    piece_reader reader_;
    const int file_;
    std::uint64_t left_;
    const report progress_;
    copied_pages done_;
    std::uint64_t stored_ = 0;

    std::uint64_t shift_ = 0;  // file offset minus address, modulo 2^64
    std::unique_ptr<std::byte[]> buffer_;
    std::size_t used_ = 0;
    std::vector<part> parts_;  // ranges in the buffer; complete after reader_.finish()
};

}  // namespace vmio::detail
