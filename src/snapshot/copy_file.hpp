// SPDX-License-Identifier: BSL-1.0
/// From a file into a memfd.
#pragma once

#include <cstdint>
#include <system_error>

#include <vmio/address.hpp>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// Copies a part to the same place in `to`; in `from` it lies behind `start`. ENODATA if `from` ends before; ENOMEM if
/// there is no room.
std::error_code copy_part(int from, int to, const address_range& part, std::uint64_t start = 0);

/// Fills `to`, a new memfd, with what `from` holds now: as said of snapshot::from_file(). Its holes stay holes.
/// Returns its size.
std::uint64_t copy_whole(int from, int to, std::error_code& ec);

}  // namespace vmio::detail
