// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>

#include "base/range_set.hpp"

namespace vmio::detail {

/// Writes the captured bytes of `parts`, a set within base.ranges(), to the captured process. Small parts are written
/// without a comparison, which would cost more; of large ones, that may be hardly used, only the pages that differ.
/// Returns, errors: as process_snapshot::write_back().
write_back_result restore_pages(const process_snapshot& base, const process_memory& to, range_span parts);

}  // namespace vmio::detail
