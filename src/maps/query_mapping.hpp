// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>

#include <vmio/memory_map.hpp>
#include <vmio/query_mapping.hpp>

namespace vmio::detail {

/// query_mapping() with next_after, for a series of lookups: if the kernel cannot look up single mappings, `list` is
/// loaded by the first lookup and answers all of them. If `where` is unmapped, the kernel is queried a second time: see
/// memory_map.
std::optional<mapping> query_mapping(const process& target, address where, std::optional<memory_map>& list);

}  // namespace vmio::detail
