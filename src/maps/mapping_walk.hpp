// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>

#include <vmio/memory_map.hpp>
#include <vmio/process.hpp>
#include <vmio/query_mapping.hpp>

namespace vmio::detail {

/// query_mapping() for many: where single mappings cannot be asked for, the list is loaded once, when this is made.
class mapping_walk {
public:
    explicit mapping_walk(const process& target) : target_(target) {
        if (!has_fast_mapping_query()) map_ = memory_map::load(target_);
    }

    std::optional<mapping> at_or_above(address where) const {
        if (!map_) return query_mapping(target_, where, mapping_lookup::next_after);
        const auto m = map_->at_or_above(where);
        return m == map_->end() || m->name == "[vsyscall]" ? std::nullopt : std::optional(*m);
    }

private:
    process target_;
    std::optional<memory_map> map_;
};

}  // namespace vmio::detail
