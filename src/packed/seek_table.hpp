// SPDX-License-Identifier: BSL-1.0
/// The table at the end of a file in zstd's seekable format: which frame has which bytes. It is a frame that programs
/// which do not know it skip. The description is contrib/seekable_format of zstd's sources.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/input_file.hpp"

namespace vmio::detail {

/// The first byte of a frame in the file, and of its content in all content.
struct frame_start {
    std::uint64_t stored = 0;
    std::uint64_t content = 0;
};

/// Larger frames are no use to read small parts of, and would need as much memory.
constexpr std::size_t most_frame_content = std::size_t{1} << 24;

/// Returns: the start of each frame, by position, and the end of the last; nothing if the file does not end with a
/// valid table, or has frames of more than most_frame_content bytes.
std::optional<std::vector<frame_start>> read_seek_table(const input_file&);

/// Returns: the table for these frames; empty if they are more than it can name.
std::vector<std::byte> make_seek_table(const std::vector<frame_start>&);

}  // namespace vmio::detail
