// SPDX-License-Identifier: BSL-1.0
/// A large buffer that is filled sequentially.
#pragma once

#include <cstddef>
#include <memory>

namespace vmio::detail {

/// Allocates `size` bytes, uninitialised, aligned for any type. From 2 MiB on, huge pages are used where the kernel
/// supports them (madvise(2), MADV_HUGEPAGE); up to one is wasted. Page faults of fresh memory cost more than reading
/// into it; huge pages reduce their cost to a third. Unused pages are neither made present nor zeroed.
/// Errors: std::bad_alloc.
std::shared_ptr<std::byte> make_huge_buffer(std::size_t size);

}  // namespace vmio::detail
