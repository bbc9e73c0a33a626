// SPDX-License-Identifier: BSL-1.0
/// Reading a file whose content is not trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/byte_source.hpp"
#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// A regular file, opened for reading. Errors are file_error.
class input_file {
public:
    /// Opens a file; `operation`, a string literal, is for errors.
    /// Errors: that of open(2); EINVAL for anything but a regular file.
    input_file(const std::filesystem::path& path, const char* operation);

    /// Returns: what is packed in this file, with its name for errors.
    input_file with_content(std::shared_ptr<const byte_source> content, std::uint64_t size) const;

    /// Returns: the size in bytes at the time of opening.
    std::uint64_t size() const noexcept { return size_; }

    /// Returns: how much of the file may be kept in memory: its size; of packed content, which may say any size, no
    /// more than gzip can pack into so many bytes.
    std::uint64_t size_to_keep() const noexcept { return size_ / 1024 < stored_size_ ? size_ : 1024 * stored_size_; }

    /// Whether the half-open range of `size` bytes at `offset` ends at or before size().
    bool holds(std::uint64_t offset, std::uint64_t size) const noexcept {
        return offset <= size_ && size <= size_ - offset;
    }

    /// Reads all of `to` from `offset`.
    /// Returns: false if the file ends before.
    bool read(std::uint64_t offset, std::span<std::byte> to) const;

    template <class T>
    bool read_one(std::uint64_t offset, T& value) const {
        return read(offset, std::as_writable_bytes(std::span(&value, 1)));
    }

    /// Sequential reading from the first byte: the number of remaining bytes, and the next bytes.
    /// @{
    std::uint64_t left() const noexcept { return size_ - next_; }
    /// Errors: EBADMSG if the file ends before.
    void read_next(std::span<std::byte> to);
    /// @}

    /// Precondition: this is no packed content.
    file_descriptor take_file() noexcept { return std::move(file_); }
    /// Returns: the bytes; for as long as needed. Only errors may be made afterwards.
    std::shared_ptr<const byte_source> take_content();

    [[noreturn]] void fail(int code, const char* problem) const;

private:
    input_file(const input_file&, std::shared_ptr<const byte_source> content, std::uint64_t size);

    const std::filesystem::path path_;
    const char* const operation_;
    file_descriptor file_;
    std::shared_ptr<const byte_source> content_;  // null: that of file_
    std::uint64_t stored_size_ = 0;               // of the file itself
    std::uint64_t size_ = 0;
    std::uint64_t next_ = 0;
};

}  // namespace vmio::detail
