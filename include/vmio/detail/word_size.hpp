// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vmio/detail/config.hpp>
#include <vmio/fwd.hpp>

namespace vmio::detail {

/// Returns: the size of a pointer of the target's program in bytes, by its auxiliary vector; that of this program if it
/// cannot be read. Cost: the file is read once for all copies of `target`.
VMIO_EXPORT unsigned word_size_of(const process& target) noexcept;

}  // namespace vmio::detail
