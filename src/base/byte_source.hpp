// SPDX-License-Identifier: BSL-1.0
/// Bytes at offsets: of a file, or what is packed in one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// Thread-safe.
class byte_source {
public:
    byte_source(const byte_source&) = delete;
    byte_source& operator=(const byte_source&) = delete;
    virtual ~byte_source() = default;

    /// Reads bytes from `offset` on in one attempt, which may be partial.
    /// Returns: the number of bytes; 0, without an error, at the end.
    virtual std::size_t read_some(std::uint64_t offset, std::span<std::byte> to,
                                  std::error_code& ec) const noexcept = 0;

    /// Returns: a descriptor of a file that has these bytes at these offsets; -1 if there is none.
    virtual int descriptor() const noexcept { return -1; }

protected:
    byte_source() = default;
};

/// pread(2), resumed after signals.
std::size_t read_file_some(int fd, std::uint64_t offset, std::span<std::byte> to, std::error_code& ec) noexcept;

/// The bytes of a file. Errors: those of pread(2).
class file_source final : public byte_source {
public:
    explicit file_source(file_descriptor file) noexcept : file_(std::move(file)) {}

    std::size_t read_some(std::uint64_t offset, std::span<std::byte> to, std::error_code& ec) const noexcept override {
        return read_file_some(file_.get(), offset, to, ec);
    }

    int descriptor() const noexcept override { return file_.get(); }

private:
    file_descriptor file_;
};

}  // namespace vmio::detail
