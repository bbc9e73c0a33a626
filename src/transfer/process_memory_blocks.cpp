// SPDX-License-Identifier: BSL-1.0
/// Transfers of many blocks.
#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

#include "base/system_error.hpp"
#include "transfer/iovec_batch.hpp"
#include "transfer/process_memory_state.hpp"
#include "transfer/vm_call.hpp"

namespace vmio {
namespace {

/// A position in the bytes of many blocks, in their order.
class block_walk {
public:
    block_walk(std::span<const remote_block> blocks, std::span<block_transfer> results) noexcept
        : blocks_(blocks), results_(results) {
        skip_finished();
    }

    bool at_end() const noexcept { return block_ == blocks_.size(); }
    /// Returns: the rest of the current block.
    address where() const noexcept { return blocks_[block_].start + offset_; }
    std::byte* local() const noexcept { return blocks_[block_].bytes.data() + offset_; }
    std::size_t left() const noexcept { return blocks_[block_].bytes.size() - offset_; }

    void pass(std::size_t bytes) noexcept {
        while (bytes > 0) {
            const std::size_t step = std::min(bytes, left());
            results_[block_].moved += step;
            offset_ += step;
            bytes -= step;
            skip_finished();
        }
    }

    void skip_block() noexcept {
        offset_ = blocks_[block_].bytes.size();
        skip_finished();
    }

    /// Records an error for the current block and skips the rest of it.
    void fail(std::error_code why) noexcept {
        results_[block_].error = why;
        skip_block();
    }

private:
    void skip_finished() noexcept {
        while (!at_end() && left() == 0) {
            ++block_;
            offset_ = 0;
        }
    }

    std::span<const remote_block> blocks_;
    std::span<block_transfer> results_;
    std::size_t block_ = 0;
    std::size_t offset_ = 0;
};

/// The iovecs of one call, on both sides.
class block_batch {
public:
    /// Takes at most `most` blocks from the position of `walk`.
    block_batch(block_walk walk, std::size_t most) noexcept {
        while (!walk.at_end() && theirs_count_ < most && bytes_ < detail::iovec_batch::max_bytes) {
            // A block beyond 2^64: the part below is transferred, and the rest fails separately.
            const address to_top = ~walk.where();
            const std::size_t here = walk.left() - 1 > to_top ? static_cast<std::size_t>(to_top) + 1 : walk.left();
            const std::size_t size = std::min(here, detail::iovec_batch::max_bytes - bytes_);
            theirs_[theirs_count_++] = {reinterpret_cast<void*>(static_cast<std::uintptr_t>(walk.where())), size};
            add_local(walk.local(), size);
            bytes_ += size;
            if (size < walk.left()) break;
            walk.skip_block();
        }
    }

    ssize_t move(detail::vm_call call, pid_t id) const noexcept {
        return call(id, ours_.data(), ours_count_, theirs_.data(), theirs_count_, 0);
    }

private:
    void add_local(std::byte* at, std::size_t size) noexcept {
        // Adjacent buffers become one iovec, which is faster.
        if (ours_count_ > 0) {
            iovec& last = ours_[ours_count_ - 1];
            if (static_cast<std::byte*>(last.iov_base) + last.iov_len == at) {
                last.iov_len += size;
                return;
            }
        }
        ours_[ours_count_++] = {at, size};
    }

    std::size_t ours_count_ = 0;
    std::size_t theirs_count_ = 0;
    std::size_t bytes_ = 0;
    std::array<iovec, detail::iovec_batch::max_pieces> ours_;  // both arrays are uninitialised
    std::array<iovec, detail::iovec_batch::max_pieces> theirs_;
};

}  // namespace

void process_memory::transfer_blocks(direction d, std::span<const remote_block> blocks,
                                     std::span<block_transfer> results) const {
    if (results.size() != blocks.size())
        throw std::invalid_argument("vmio::process_memory: as many results as blocks are needed");
    std::fill(results.begin(), results.end(), block_transfer());
    const bool reading = d == direction::reading;
    if (state_->by_mem(d) || state_->grows_stacks) {
        transfer_blocks_singly(d, blocks, results);
        if (state_->by_mem(d) || !reading || target_.alive()) return;
        for (std::size_t i = 0; i < blocks.size(); ++i)
            results[i] = {0, blocks[i].bytes.empty() ? std::error_code() : detail::system_error_of(ESRCH)};
        return;
    }
    const detail::vm_call call = reading ? ::process_vm_readv : ::process_vm_writev;
    constexpr std::size_t fewest = 8;
    std::size_t most = detail::iovec_batch::max_pieces;
    std::error_code ec;
    block_walk walk(blocks, results);
    while (!walk.at_end() && !ec) {
        if (!reading && !target_.alive()) {
            ec = detail::system_error_of(ESRCH);
            break;
        }
        const block_batch batch(walk, most);
        const ssize_t moved = batch.move(call, target_.id());
        if (moved > 0) {
            // The next call starts where a partial one stopped, and reports the error.
            walk.pass(static_cast<std::size_t>(moved));
            most = std::min(most * 4, detail::iovec_batch::max_pieces);
            continue;
        }
        const std::error_code why = moved < 0 ? detail::last_system_error() : detail::system_error_of(EFAULT);
        if (detail::is_forbidden(call, why)) {
            ec = why;
            if (turn_to_mem(ec)) return transfer_blocks_singly(d, blocks, results);
        } else if (why.value() == ESRCH) {
            ec = why;
        } else {
            walk.fail(why);
            most = std::max(most / 4, fewest);  // unreadable blocks tend to be adjacent: use smaller batches
        }
    }
    if (reading && !target_.alive()) {
        std::fill(results.begin(), results.end(), block_transfer());
        walk = block_walk(blocks, results);
        ec = detail::system_error_of(ESRCH);
    }
    while (ec && !walk.at_end()) walk.fail(ec);
}

/// By /proc/PID/mem, and where each range has to be looked up before the call.
void process_memory::transfer_blocks_singly(direction d, std::span<const remote_block> blocks,
                                            std::span<block_transfer> results) const noexcept {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const auto& [start, bytes] = blocks[i];
        auto& [moved, error] = results[i];
        while (moved < bytes.size() && !error)
            moved += d == direction::reading ? read_some(start + moved, bytes.subspan(moved), error)
                                             : write_some(start + moved, bytes.subspan(moved), error);
    }
}

void process_memory::read_blocks(std::span<const remote_block> blocks, std::span<block_transfer> results) const {
    transfer_blocks(direction::reading, blocks, results);
}

void process_memory::write_blocks(std::span<const remote_block> blocks, std::span<block_transfer> results) const {
    transfer_blocks(direction::writing, blocks, results);
}

std::vector<std::size_t> process_memory::read_blocks(std::span<const remote_block> blocks) const {
    return counts(direction::reading, blocks);
}

std::vector<std::size_t> process_memory::write_blocks(std::span<const remote_block> blocks) const {
    return counts(direction::writing, blocks);
}

std::vector<std::size_t> process_memory::counts(direction d, std::span<const remote_block> blocks) const {
    std::vector<block_transfer> results(blocks.size());
    transfer_blocks(d, blocks, results);
    std::vector<std::size_t> moved(blocks.size());
    std::transform(results.begin(), results.end(), moved.begin(), [](const block_transfer& r) { return r.moved; });
    return moved;
}

}  // namespace vmio
