// SPDX-License-Identifier: BSL-1.0
/// Unpacking from the first byte to the last.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace vmio::detail {

enum class packed_format { none, gzip, zstd, other };

/// The format that the first bytes of a file say; `other` for xz, lz4 and bzip2, which nothing here unpacks.
packed_format format_of(std::span<const std::byte> first) noexcept;

/// One format's decoder.
class stream_decoder {
public:
    enum class result { more, end_of_frame, damaged };

    stream_decoder() = default;
    stream_decoder(const stream_decoder&) = delete;
    stream_decoder& operator=(const stream_decoder&) = delete;
    virtual ~stream_decoder() = default;

    /// Unpacks from the start of `in` to the start of `out`, and removes what it has used of both.
    /// Returns: end_of_frame where the data may end, or another frame begin.
    virtual result unpack(std::span<const std::byte>& in, std::span<std::byte>& out) = 0;
};

/// Returns: null if this build of the library has none for the format.
/// Errors: std::bad_alloc.
/// @{
std::unique_ptr<stream_decoder> make_gzip_decoder();
std::unique_ptr<stream_decoder> make_zstd_decoder();
/// @}

}  // namespace vmio::detail
