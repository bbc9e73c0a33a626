// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <span>
#include <system_error>

#include <vmio/block_scanner.hpp>

#include "support/pages.hpp"

namespace test {

/// The first `size` bytes, which are the pattern, and this errno.
inline bool is_right(const vmio::block_result& r, std::size_t size, int error) {
    return r.bytes.size() == size && r.error.value() == error && is_pattern(r.start, r.bytes);
}

/// All of what was asked for.
inline bool is_whole(const vmio::block_result& r) {
    return is_right(r, static_cast<std::size_t>(r.size), 0) && !r.truncated;
}

/// Memory that holds the pattern from 0 to the top, but for one byte in `step`, which cannot be read.
class spotted_memory {
public:
    explicit spotted_memory(std::size_t step = 0) : step_(step) {}

    bool readable(vmio::address a) const { return step_ == 0 || a % step_ != step_ - 1; }

    std::size_t read_some(vmio::address from, std::span<std::byte> to, std::error_code& ec) noexcept {
        ec.clear();
        ++calls;
        std::size_t n = 0;
        for (; n < to.size() && readable(from + n); ++n) to[n] = pattern(from + n);
        if (n == 0 && !to.empty()) ec.assign(EIO, std::system_category());
        moved += n;
        return n;
    }

    std::size_t calls = 0;
    std::size_t moved = 0;

private:
    std::size_t step_;
};

}  // namespace test
