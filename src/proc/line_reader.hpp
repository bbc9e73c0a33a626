// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {

/// Reads the lines of a file of /proc from its start, without allocating. A line longer than the buffer is truncated.
/// Does not use or change the descriptor's file position.
class line_reader {
public:
    explicit line_reader(int file) noexcept : file_(file) {}

    /// Returns: false at the end of the file, or after an error.
    bool next(std::string_view& line) noexcept {
        while (true) {
            if (const void* newline = std::memchr(buffer_ + at_, '\n', have_ - at_)) {
                const auto end = static_cast<std::size_t>(static_cast<const char*>(newline) - buffer_);
                line = {buffer_ + at_, end - at_};
                at_ = end + 1;
                if (!skipping_) return true;
                skipping_ = false;
            } else if (at_ == 0 && have_ == sizeof buffer_) {
                line = {buffer_, have_};
                at_ = have_;
                if (!skipping_) return skipping_ = true;
            } else if (!more()) {
                return false;
            }
        }
    }

    /// Restarts at the first line of the file.
    void restart() noexcept {
        offset_ = 0;
        error_.clear();
        at_ = have_ = 0;
        skipping_ = false;
    }

    std::error_code error() const noexcept { return error_; }

    /// Returns: the offset of the next line in the file; 0 inside a line that is too long.
    std::uint64_t position() const noexcept {
        return skipping_ ? 0 : static_cast<std::uint64_t>(offset_) - have_ + at_;
    }

private:
    bool more() noexcept {
        std::memmove(buffer_, buffer_ + at_, have_ - at_);
        have_ -= at_;
        at_ = 0;
        const ssize_t got = sys::pread(file_, buffer_ + have_, sizeof buffer_ - have_, offset_);
        if (got < 0) error_ = last_system_error();
        if (got <= 0) return false;
        offset_ += got;
        have_ += static_cast<std::size_t>(got);
        return true;
    }

    int file_;
    off_t offset_ = 0;
    std::error_code error_;
    std::size_t at_ = 0;
    std::size_t have_ = 0;
    bool skipping_ = false;  // the rest of a line that is too long
    char buffer_[8192];
};

}  // namespace vmio::detail
