// SPDX-License-Identifier: BSL-1.0
/// Bytes for people to read.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <span>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/memory_gap.hpp>

namespace vmio {

/// Writes rows of sixteen bytes, and the text of those that are ASCII:
///
///     7f3a2c001230  73 65 63 72 65 74 00 --  -- -- -- -- -- -- -- --  |secret.         |
///
/// `start`: the address of the first byte. `gaps`, sorted: bytes in them are dashes, and a row of nothing else is left
/// out. Formatting flags of the stream are neither used nor changed.
VMIO_EXPORT void hex_dump(std::ostream& out, std::span<const std::byte> bytes, address start,
                          std::span<const memory_gap> gaps = {});

}  // namespace vmio
