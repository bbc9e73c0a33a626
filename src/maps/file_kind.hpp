// SPDX-License-Identifier: BSL-1.0
/// What is known of a mapping's file without asking its file system anything.
#pragma once

#include <vmio/mapping.hpp>
#include <vmio/process.hpp>

#include "proc/mount_info.hpp"

namespace vmio::detail {

/// By the mount table of `target`, then by ours.
/// Cost: some 10 microseconds, and 1 more for each mount before that of the file; next to nothing for another file of
/// the same device and target within 100 milliseconds.
file_system_kind file_system_of(const process& target, const mapping& m) noexcept;

/// Whether the file of `m` is a regular one of an ordinary file system, whatever its name. False where that cannot be
/// known. Does not open it: some devices do not take that well.
bool shows_regular_file(const process& target, const mapping& m) noexcept;

}  // namespace vmio::detail
