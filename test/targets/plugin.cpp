// SPDX-License-Identifier: BSL-1.0
/// A library that throws, to be opened by dlopen(3).
#include <cerrno>

#include <vmio/error.hpp>
#include <vmio/file_error.hpp>

extern "C" void throw_memory_error() {
    throw vmio::memory_error("plugged", 42, 0x1000, {EFAULT, std::system_category()});
}

extern "C" void throw_file_error() {
    throw vmio::file_error("open of", "/no/such", {ENOENT, std::system_category()});
}
