// SPDX-License-Identifier: BSL-1.0
/// How far read_object() goes, and which standard library laid out what it reads.
#pragma once

#include <cstddef>
#include <cstdint>

#include <vmio/detail/config.hpp>
#include <vmio/fwd.hpp>

namespace vmio {

/// The standard library that laid out the containers of a target. Its words and byte order must be ours.
enum class object_layout {
    native,         ///< as in the program that includes this header
    libstdcxx,      ///< GCC's, with the strings and lists of C++11
    libstdcxx_cow,  ///< GCC's, compiled with _GLIBCXX_USE_CXX11_ABI=0: strings share their bytes, lists have no size
    libcxx,         ///< LLVM's, with its first ABI, which is the default on Linux
};

/// Returns: `libcxx` if the target has mapped libc++ and not libstdc++, `libstdcxx` if it is the other way round, else
/// `native`: both are there, or neither is, as in a program that was linked with -static.
/// Errors: memory_error, as memory_map::load(). Cost: one memory_map.
VMIO_EXPORT object_layout object_layout_of(const process& target);

/// Limits of one read_object(). A target can be wrong about every size: what exceeds a limit is an error, and memory is
/// taken for what has been read already, doubled at most.
struct object_limits {
    std::size_t elements = std::size_t{1} << 24;   ///< of one container, and characters of one string
    std::uint64_t bytes = std::uint64_t{1} << 28;  ///< of all that is read, and of all values
    std::size_t depth = 1000;                      ///< of std::unique_ptr, each in what another one owns
};

}  // namespace vmio
