// SPDX-License-Identifier: BSL-1.0
/// Where the bytes of a core file go, in the order of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <ostream>
#include <span>

#include "base/atomic_file_writer.hpp"

namespace vmio::detail {

class core_sink {
public:
    virtual ~core_sink() = default;
    /// Before the first byte: how large the file will be.
    virtual void begin(std::uint64_t size) = 0;
    virtual void write(std::span<const std::byte>) = 0;
    /// Writes `size` zeros.
    virtual void skip(std::uint64_t size) = 0;

protected:
    core_sink() = default;
    core_sink(const core_sink&) = default;
    core_sink& operator=(const core_sink&) = default;
};

/// Never seeks, so that a filter or a pipe will do. Errors: memory_error with EIO where the stream fails, unless the
/// stream throws itself.
class stream_core_sink final : public core_sink {
public:
    explicit stream_core_sink(std::ostream& out) noexcept : out_(out) {}

    void begin(std::uint64_t /*size*/) override {}
    void write(std::span<const std::byte>) override;
    void skip(std::uint64_t size) override;

private:
    std::ostream& out_;
};

/// Leaves holes for zeros. Readable by its owner only, as a core file of the kernel is. Errors: file_error; EFBIG at
/// begin(), before anything is read or written, if the file system cannot hold a file of that size.
class file_core_sink final : public core_sink {
public:
    explicit file_core_sink(const std::filesystem::path& path) : file_(path, "write of core file", 0600) {}

    void begin(std::uint64_t size) override { file_.set_size(size); }
    void write(std::span<const std::byte>) override;
    void skip(std::uint64_t size) override { at_ += size; }
    /// Precondition: begin() was called and all bytes were written.
    void finish() { file_.put_in_place(); }

private:
    atomic_file_writer file_;
    std::uint64_t at_ = 0;
};

}  // namespace vmio::detail
