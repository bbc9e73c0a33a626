// SPDX-License-Identifier: BSL-1.0
/// Memory that a copy made by fork(2) does not have as its original has it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/mapping.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>
#include <vmio/source_options.hpp>

namespace vmio::detail {

struct uncopied_memory {
    /// Mappings that fork(2) leaves out or clears (MADV_DONTFORK, MADV_WIPEONFORK), and those that are shared, if that
    /// is asked for; by address.
    std::vector<address_range> ranges;
    /// Those of them that are not to be dumped: MADV_DONTDUMP.
    std::vector<address_range> dontdump;
    /// Whether userfaultfd(2) brings pages of some mapping: the process that does so might have to agree to a fork.
    bool served = false;
};

/// Errors: memory_error.
uncopied_memory find_uncopied(const process& target, bool with_shared);

/// The bytes of some mappings of a paused target, in memory of this process. Takes as much as is not known to be zero.
class held_pages {
public:
    struct run {
        address start;
        std::vector<std::byte> bytes;
    };

    held_pages() = default;

    /// Copies all mappings that have an address in `what.ranges`.
    /// Errors: memory_error: those of region_reader and pause_guard::check().
    held_pages(const process& target, const pause_guard& pause, const uncopied_memory& what,
               const source_options& sources);

    /// By address; those that cannot be read included.
    const std::vector<mapping>& mappings() const noexcept { return mappings_; }
    /// The mappings' addresses.
    const std::vector<address_range>& ranges() const noexcept { return ranges_; }
    const std::vector<run>& runs() const noexcept { return runs_; }
    /// What of ranges() was left out for source_options::skip_dontdump.
    const std::vector<address_range>& dontdump() const noexcept { return dontdump_; }
    /// What of ranges() could not be read, by address. What is in no run either is zero.
    const std::vector<memory_gap>& gaps() const noexcept { return gaps_; }

    /// Whether some byte of `range` is in a run.
    bool has_bytes_in(const address_range& range) const noexcept {
        const auto r = first_above(range.start());
        return r != runs_.end() && r->start < range.end();
    }

    /// Calls each(address, std::span<const std::byte>) for the bytes of `range`, by address.
    template <class F>
    void bytes_of(const address_range& range, F&& each) const {
        for (auto r = first_above(range.start()); r != runs_.end() && r->start < range.end(); ++r) {
            const address_range part = range.intersection({r->start, r->start + r->bytes.size()});
            each(part.start(), std::span(r->bytes).subspan(static_cast<std::size_t>(part.start() - r->start),
                                                           static_cast<std::size_t>(part.size())));
        }
    }

private:
    /// The first run that ends above `a`.
    std::vector<run>::const_iterator first_above(address a) const noexcept {
        return std::partition_point(runs_.begin(), runs_.end(),
                                    [a](const run& r) { return r.start + r.bytes.size() <= a; });
    }

    std::vector<mapping> mappings_;
    std::vector<address_range> ranges_;
    std::vector<address_range> dontdump_;
    std::vector<run> runs_;
    std::vector<memory_gap> gaps_;
};

/// Returns: the mappings of `copy`, which was made by fork(2), and those of `held` that it lacks.
std::vector<mapping> united(std::vector<mapping> copy, const std::vector<mapping>& held);

}  // namespace vmio::detail
