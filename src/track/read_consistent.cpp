// SPDX-License-Identifier: BSL-1.0
#include <vmio/read_consistent.hpp>

#include <cerrno>

#include <vmio/error.hpp>

#include "base/cancellation.hpp"
#include "base/range_set.hpp"
#include "base/system_error.hpp"
#include "process/check_program.hpp"
#include "track/selected_mappings.hpp"
#include "track/tracker_access.hpp"

namespace vmio {
namespace {

address_range range_of(const remote_block& block) {
    return address_range::of_size(block.start, block.bytes.size());
}

std::vector<address_range> ranges_of(std::span<const remote_block> blocks) {
    std::vector<address_range> ranges;
    for (const remote_block& block : blocks)
        if (!block.bytes.empty()) ranges.push_back(range_of(block));
    return ranges;
}

class consistent_reader {
public:
    consistent_reader(write_tracker& tracker, std::span<const remote_block> blocks)
        : target_(tracker.target()),
          log_(detail::tracker_access::log_of(tracker)),
          memory_(detail::tracker_access::memory_of(tracker)),
          blocks_(blocks),
          pages_(detail::made_set(pages_of(blocks))),
          results_(blocks.size()) {}

    void run(consistent_result& result, const consistent_options& options) {
        try {
            while (!result.consistent && result.tries < options.tries) {
                ++result.tries;
                result.consistent = attempt();
            }
        } catch (const memory_error& e) {
            if (!options.pause_at_last || e.code().value() != EOPNOTSUPP) throw;
        }
        if (!result.consistent && options.pause_at_last) {
            const pause_guard pause(target_, options.pause_limits);
            ++result.tries;
            read();
            pause.check();
            result.consistent = result.paused = true;
        }
        if (!result.consistent) result.changing = changing();
    }

private:
    static std::vector<address_range> pages_of(std::span<const remote_block> blocks) {
        std::vector<address_range> ranges = ranges_of(blocks);
        return ranges.empty() ? ranges : detail::selected_pages(ranges);
    }

    bool attempt() {
        log_.watch(pages_);
        read();
        written_ = log_.written_of(pages_);
        return written_.empty();
    }

    void read() {
        memory_.read_blocks(blocks_, results_);
        for (std::size_t i = 0; i < blocks_.size(); ++i)
            if (const auto [moved, error] = results_[i]; error)
                throw memory_error(memory_.read_operation(), target_.id(), blocks_[i].start + moved, error);
        detail::check_program(target_, memory_.read_operation());
    }

    std::vector<std::size_t> changing() const {
        std::vector<std::size_t> indices;
        for (std::size_t i = 0; i < blocks_.size(); ++i)
            if (detail::overlaps(written_, range_of(blocks_[i]))) indices.push_back(i);
        return indices;
    }

    const process& target_;
    detail::write_log& log_;
    const process_memory& memory_;
    const std::span<const remote_block> blocks_;
    const std::vector<address_range> pages_;
    std::vector<block_transfer> results_;
    std::vector<address_range> written_;  // in the last attempt
};

}  // namespace

consistent_result read_consistent(write_tracker& tracker, std::span<const remote_block> blocks,
                                  const consistent_options& options) {
    const detail::cancellation_disabled now;
    consistent_result result;
    if (ranges_of(blocks).empty()) {
        result.consistent = true;
        return result;
    }
    consistent_reader(tracker, blocks).run(result, options);
    return result;
}

consistent_result read_consistent(const process& target, std::span<const remote_block> blocks,
                                  const consistent_options& options) {
    std::vector<address_range> ranges = ranges_of(blocks);
    if (ranges.empty()) ranges.push_back({});  // nothing, not everything
    write_tracker tracker(target, {.ranges = std::move(ranges), .pause_limits = options.pause_limits});
    return read_consistent(tracker, blocks, options);
}

}  // namespace vmio
