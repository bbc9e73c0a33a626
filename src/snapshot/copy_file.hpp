// SPDX-License-Identifier: BSL-1.0
/// Copying a file to a memfd.
#pragma once

#include <cstdint>
#include <system_error>

#include <vmio/address.hpp>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// Copies `part` to the same offset in `to`; its offset in `from` is larger by `start`. Errors: ENODATA if `from` ends
/// before the end of the part; ENOMEM if memory is exhausted.
std::error_code copy_part(int from, int to, const address_range& part, std::uint64_t start = 0);

/// Copies the present content of `from` to `to`, a new memfd, see snapshot::from_file(). Holes remain holes.
/// Returns: the size in bytes.
std::uint64_t copy_whole(int from, int to, std::error_code& ec);

}  // namespace vmio::detail
