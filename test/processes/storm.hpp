// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace test {

/// How many pages the storm goes over.
constexpr std::size_t storm_pages = 256;

}  // namespace test
