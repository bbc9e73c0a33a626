// SPDX-License-Identifier: BSL-1.0
/// Memory of ours that will be filled from one end to the other.
#pragma once

#include <cstddef>
#include <memory>

namespace vmio::detail {

/// `size` bytes, not initialised and aligned for anything; std::bad_alloc if there are none. From some mebibytes on
/// they are huge pages where the kernel has some (madvise(2), MADV_HUGEPAGE), up to one of which is lost at the end:
/// fresh memory costs more than reading into it, and in huge pages a third. What is not used is not made present, nor
/// zeroed.
std::shared_ptr<std::byte> make_huge_buffer(std::size_t size);

}  // namespace vmio::detail
