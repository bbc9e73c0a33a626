// SPDX-License-Identifier: BSL-1.0
/// Looks at what is mapped, each of its own moment, that go up most of the time.
#pragma once

#include <cstdint>
#include <system_error>

#include <vmio/address.hpp>
#include <vmio/process.hpp>

#include "base/file_descriptor.hpp"
#include "proc/vma_lookup.hpp"

namespace vmio::detail {

/// Where there is only the text, the kernel writes it from the start for whoever wants a line of it again. But a reader
/// that goes on gets what is mapped above by then: so this reads a line and waits there.
class maps_cursor {
public:
    explicit maps_cursor(process target) noexcept : target_(std::move(target)) {}

    /// As vma_lookup of process::maps(). Above the mapping of the last look, a mapping costs some 5
    /// microseconds where there is only the text.
    std::error_code at_or_above(address where, vma_info& found) noexcept;

private:
    bool go_on(address where) noexcept;
    bool seek() noexcept;
    bool read_line() noexcept;

    process target_;
    file_descriptor maps_;     // for a position of our own
    vma_info last_;            // what was found last
    std::uint64_t place_ = 0;  // of its line in the text then; 0: unknown
    bool there_ = false;       // maps_ stands behind it
};

}  // namespace vmio::detail
