// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// A core file that is being opened.
class core_source {
public:
    /// file_error, also for what is no regular file.
    explicit core_source(const std::filesystem::path&);

    std::uint64_t size() const noexcept { return size_; }
    file_descriptor take_file() noexcept { return std::move(file_); }

    /// Whether so much lies before the end.
    bool holds(std::uint64_t offset, std::uint64_t size) const noexcept {
        return offset <= size_ && size <= size_ - offset;
    }
    /// All of it, or false where the file ends before; file_error if it cannot be read.
    bool read(std::uint64_t offset, std::span<std::byte> to) const;

    template <class T>
    bool read_one(std::uint64_t offset, T& value) const {
        return read(offset, std::as_writable_bytes(std::span(&value, 1)));
    }

    /// file_error.
    [[noreturn]] void fail(int code, const char* problem) const;

private:
    const std::filesystem::path path_;
    file_descriptor file_;
    std::uint64_t size_ = 0;
};

}  // namespace vmio::detail
