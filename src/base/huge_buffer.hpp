// SPDX-License-Identifier: BSL-1.0
/// A large buffer that is filled sequentially.
#pragma once

#include <cstddef>
#include <memory>

namespace vmio::detail {

/// Allocates `size` bytes, uninitialised, aligned for any type. From 2 MiB on they are in huge pages where the kernel
/// has them (madvise(2), MADV_HUGEPAGE), of which up to one is wasted: page faults of fresh memory cost more than
/// reading into it, with huge pages a third of that. Unused pages are neither made present nor zeroed. Errors:
/// std::bad_alloc.
std::shared_ptr<std::byte> make_huge_buffer(std::size_t size);

}  // namespace vmio::detail
