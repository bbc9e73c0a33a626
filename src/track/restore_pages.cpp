// SPDX-License-Identifier: BSL-1.0
#include "track/restore_pages.hpp"

#include <algorithm>
#include <cerrno>

#include <vmio/error.hpp>

namespace vmio::detail {
namespace {

constexpr std::uint64_t largest_small_part = std::uint64_t{1} << 20;
constexpr std::uint64_t batch_size = std::uint64_t{4} << 20;

class small_parts_writer {
public:
    small_parts_writer(const process_snapshot& base, const process_memory& to, write_back_result& result)
        : base_(base), to_(to), result_(result) {}

    /// Precondition: ascending.
    void add(const address_range& part) {
        if (size_ + part.size() > batch_size) flush();
        parts_.push_back(part);
        size_ += part.size();
    }

    void flush() {
        bytes_.resize(static_cast<std::size_t>(size_));
        blocks_.clear();
        std::size_t at = 0;
        for (const address_range& part : parts_) {
            const auto bytes = std::span(bytes_).subspan(at, static_cast<std::size_t>(part.size()));
            base_.read(part.start(), bytes);
            blocks_.push_back({part.start(), bytes});
            at += bytes.size();
        }
        results_.assign(blocks_.size(), {});
        to_.write_blocks(blocks_, results_);
        for (std::size_t i = 0; i < blocks_.size(); ++i) {
            result_.written += results_[i].moved;
            if (results_[i].error) write_on(blocks_[i], results_[i].moved, results_[i].error);
        }
        parts_.clear();
        size_ = 0;
    }

private:
    /// Writes what can be written of the rest of a block.
    void write_on(const remote_block& block, std::size_t done, std::error_code ec) {
        while (true) {
            const address at = block.start + done;
            if (ec != errc::bad_address) throw memory_error("restore of memory", to_.process_id(), at, ec);
            const address end =
                std::min<address>(block.start + block.bytes.size(), align_down(at, page_size()) + page_size());
            result_.failed.push_back({{at, end}, ec});
            done += static_cast<std::size_t>(end - at);
            do {
                if (done == block.bytes.size()) return;
                const std::size_t step = to_.write_some(block.start + done, block.bytes.subspan(done), ec);
                result_.written += step;
                done += step;
            } while (!ec);
        }
    }

    const process_snapshot& base_;
    const process_memory& to_;
    write_back_result& result_;
    std::vector<address_range> parts_;
    std::uint64_t size_ = 0;
    std::vector<std::byte> bytes_;
    std::vector<remote_block> blocks_;
    std::vector<block_transfer> results_;
};

}  // namespace

write_back_result restore_pages(const process_snapshot& base, const process_memory& to, range_span parts) {
    std::vector<address_range> large;
    write_back_result result;
    small_parts_writer small(base, to, result);
    for (const address_range& part : parts) {
        if (part.size() > largest_small_part)
            large.push_back(part);
        else
            small.add(part);
    }
    small.flush();
    if (large.empty()) return result;
    const write_back_result compared = base.write_back(to, large);
    result.written += compared.written;
    result.failed.insert(result.failed.end(), compared.failed.begin(), compared.failed.end());
    return result;
}

}  // namespace vmio::detail
