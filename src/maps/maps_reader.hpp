// SPDX-License-Identifier: BSL-1.0
/// /proc/PID/maps, opened and read whole.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <system_error>

#include <vmio/process.hpp>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// Of the program that runs now, unlike process::maps(). ESRCH if the process is gone; EACCES without /proc.
file_descriptor open_maps(const process& target, std::error_code& ec) noexcept;

/// Room for the text, kept from one reading to the next.
class maps_buffer {
public:
    /// From where `maps` stands to its end. Nothing is done between two reads that could be done later: what the target
    /// maps meanwhile tears the text.
    std::string_view read(int maps, std::error_code& ec);

private:
    void grow(std::size_t used);

    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0;
};

}  // namespace vmio::detail
