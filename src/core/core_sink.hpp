// SPDX-License-Identifier: BSL-1.0
/// Output of a core file, in the order of the file.
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
    /// Called before the first byte, with the size of the complete file in bytes.
    virtual void begin(std::uint64_t size) = 0;
    virtual void write(std::span<const std::byte>) = 0;
    /// Writes `size` zeros.
    virtual void skip(std::uint64_t size) = 0;

protected:
    core_sink() = default;
    core_sink(const core_sink&) = default;
    core_sink& operator=(const core_sink&) = default;
};

/// Writes without seeking, so the stream may be a filter or a pipe. Errors: memory_error with EIO if the stream fails,
/// unless the stream itself throws.
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
    explicit file_core_sink(const std::filesystem::path& path, existing_file existing = existing_file::replace)
        : file_(path, "write of core file", 0600, existing) {}

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
