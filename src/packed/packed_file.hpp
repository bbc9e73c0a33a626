// SPDX-License-Identifier: BSL-1.0
/// Reading what is packed in a file.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/input_file.hpp"

namespace vmio::detail {

/// Tells from the first bytes of the content how many it may have; nothing if they are too few to tell.
/// Errors: file_error, if they are not of the expected kind.
using content_limit = std::function<std::optional<std::uint64_t>(const input_file& first_bytes)>;

/// Returns: the content of a packed file; a file that is not packed as it is. A file in zstd's seekable format is
/// unpacked as it is read. Of others all is unpacked now, into an unnamed file in TMPDIR or /tmp, or a memfd, with
/// holes for zeros. Errors: file_error: EOPNOTSUPP for a format that this build of the library cannot unpack; EBADMSG
/// for damaged or truncated data, and for more content than `limit` says, which is not unpacked; those of pwrite(2).
input_file unpacked(input_file&&, const content_limit& limit);

}  // namespace vmio::detail
