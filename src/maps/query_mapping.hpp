// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>

#include <vmio/memory_map.hpp>
#include <vmio/query_mapping.hpp>

namespace vmio::detail {

/// query_mapping() with next_after, for a series of lookups: where single mappings cannot be asked for, `list` is
/// loaded by the first lookup and answers all of them. Where nothing is mapped at `where`, the kernel is asked a second
/// time: see memory_map.
std::optional<mapping> query_mapping(const process& target, address where, std::optional<memory_map>& list);

}  // namespace vmio::detail
