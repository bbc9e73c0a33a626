// SPDX-License-Identifier: BSL-1.0
/// What the fuzz targets have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "base/file_descriptor.hpp"

namespace fuzz {

inline void must(bool holds) {
    if (!holds) std::abort();
}

/// A memfd with these bytes, and a path by which it can be opened.
class memory_file {
public:
    explicit memory_file(std::span<const std::byte> bytes) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
        must(descriptor_.get() >= 0);
        must(::write(descriptor_.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    }
    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_.get()); }

private:
    vmio::detail::file_descriptor descriptor_;
};

/// The bytes of an input, taken as numbers; 0 after its end.
class choices {
public:
    choices(const std::uint8_t* data, std::size_t size) noexcept : rest_(data, size) {}

    bool empty() const noexcept { return rest_.empty(); }

    /// Below `limit`.
    std::uint64_t below(std::uint64_t limit) noexcept {
        std::uint64_t value = 0;
        for (std::uint64_t most = 1; most < limit && !rest_.empty() && most != 0; most <<= 8) {
            value = value << 8 | rest_.front();
            rest_ = rest_.subspan(1);
        }
        return limit == 0 ? 0 : value % limit;
    }
    bool one_in(std::uint64_t n) noexcept { return below(n) == 1; }

private:
    std::span<const std::uint8_t> rest_;
};

}  // namespace fuzz
