// SPDX-License-Identifier: BSL-1.0
/// Reads the pieces of a region into a buffer.
#pragma once

#include <vector>

#include "base/gap_set.hpp"
#include "base/range_set.hpp"
#include "walk/piece_reader.hpp"
#include "walk/sparse_buffer.hpp"

namespace vmio::detail {

/// Places the byte of address `start` at `offset` of the buffer, and the others accordingly. Adds gaps to `gaps` and
/// ranges known to be zero to `zeros`; the buffer is zeroed there.
class chunk_filler final : public piece_consumer {
public:
    chunk_filler(sparse_buffer& buffer, std::size_t offset, address start, std::vector<memory_gap>& gaps,
                 std::vector<address_range>& zeros)
        : buffer_(buffer), offset_(offset), start_(start), gaps_(gaps), zeros_(zeros) {}

    std::span<std::byte> room(const address_range& r) override {
        return buffer_.writable(place(r), static_cast<std::size_t>(r.size()));
    }
    void give_back(address) override {}
    void add_zeros(const address_range& r) override {
        zero(r);
        append(zeros_, r);
    }
    void add_gap(const memory_gap& gap) override {
        zero(gap.range);
        gaps_.push_back(gap);
    }
    void forget(const address_range& r) override {
        zeros_ = without(zeros_, {&r, 1});
        cut_out(gaps_, r);
    }

private:
    std::size_t place(const address_range& r) const noexcept {
        return offset_ + static_cast<std::size_t>(r.start() - start_);
    }
    void zero(const address_range& r) noexcept { buffer_.zero(place(r), static_cast<std::size_t>(r.size())); }

    sparse_buffer& buffer_;
    const std::size_t offset_;
    const address start_;
    std::vector<memory_gap>& gaps_;
    std::vector<address_range>& zeros_;
};

}  // namespace vmio::detail
