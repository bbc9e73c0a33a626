// SPDX-License-Identifier: BSL-1.0
/// Opens and reads /proc/PID/maps as a whole.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <system_error>

#include <vmio/process.hpp>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// Opens the maps of the program that runs now, unlike process::maps().
/// Errors: ESRCH, the process is gone; EACCES, /proc is not accessible.
file_descriptor open_maps(const process& target, std::error_code& ec) noexcept;

/// A buffer for the text, reused by later reads.
class maps_buffer {
public:
    /// Reads from the file position of `maps` to its end. Does as little as possible between two reads: mappings that
    /// the target creates meanwhile tear the text.
    std::string_view read(int maps, std::error_code& ec);

private:
    void grow(std::size_t used);

    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0;
};

}  // namespace vmio::detail
