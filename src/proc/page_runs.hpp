// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vmio/page_state.hpp>

namespace vmio::detail {

/// Joins pages, added in ascending order, to runs; pages that are not added are absent.
class page_runs {
public:
    using sink = bool (*)(void* context, const page_run&);

    page_runs(page_state wanted, address start, sink each, void* context) noexcept
        : wanted_(wanted), reached_(start), each_(each), context_(context) {}

    /// Adds pages with a state as the kernel reports it: a guard page is reported as swapped, too.
    /// Returns: false if the receiver wants no more runs.
    bool add(address start, address end, page_state state) {
        return put({reached_, start}, page_state::absent) && put({start, end}, public_state(state));
    }

    /// Ends the last run. To be called after all pages up to `end` were visited.
    bool finish(address end) { return put({reached_, end}, page_state::absent) && hand_out(); }

private:
    static page_state public_state(page_state state) noexcept {
        if (has(state, page_state::poisoned)) return page_state::poisoned;
        if (has(state, page_state::guard)) return page_state::guard;
        if (!has(state, page_state::present | page_state::swapped)) return page_state::absent;
        if (has(state, page_state::zero_page)) return state;
        return state | page_state::data | (has(state, page_state::file) ? page_state::none : page_state::changed);
    }

    bool put(address_range range, page_state state) {
        reached_ = range.end();
        state = state & wanted_;
        if (range.empty() || state == page_state::none) return true;
        if (run_.state == state && run_.range.end() == range.start()) {
            run_.range = {run_.range.start(), range.end()};
            return true;
        }
        if (!hand_out()) return false;
        run_ = {range, state};
        return true;
    }

    bool hand_out() {
        const page_run run = run_;
        run_ = {};
        return run.range.empty() || each_(context_, run);
    }

    const page_state wanted_;
    address reached_;
    page_run run_;  // the last one, which may still grow
    const sink each_;
    void* const context_;
};

}  // namespace vmio::detail
