// SPDX-License-Identifier: BSL-1.0
/// Reading a range that may have holes.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/process_memory.hpp>

namespace vmio {

/// Fills `to` with every byte that can be read from `from` on; the bytes of a gap are zeroed, or left as they were.
/// Returns: the gaps, sorted by address, with the reason for each.
/// Errors: memory_error if the process cannot be read at all: ESRCH if it has ended, ESTALE after exec(2), EPERM or
/// EACCES if access is refused; std::out_of_range if the range ends above 2^64 - 1.
/// Cost: asks the kernel what is mapped rather than trying each page, so a large hole costs little. In a mapping that
/// looks readable and is not (gap_reason::input_output) each page costs one attempt.
VMIO_EXPORT std::vector<memory_gap> read_past_gaps(const process_memory& memory, address from, std::span<std::byte> to,
                                                   gap_fill fill = gap_fill::zeros);

}  // namespace vmio
