// SPDX-License-Identifier: BSL-1.0
/// Where the bytes of a core file go, from its first to its last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <ostream>
#include <span>

#include "base/saved_file.hpp"

namespace vmio::detail {

class core_output {
public:
    virtual ~core_output() = default;
    virtual void write(std::span<const std::byte>) = 0;
    /// As many zeros.
    virtual void skip(std::uint64_t size) = 0;

protected:
    core_output() = default;
    core_output(const core_output&) = default;
    core_output& operator=(const core_output&) = default;
};

/// Never seeks, so that a filter or a pipe will do. memory_error with EIO where the stream fails, if it does not throw
/// itself.
class core_stream final : public core_output {
public:
    explicit core_stream(std::ostream& out) noexcept : out_(out) {}

    void write(std::span<const std::byte>) override;
    void skip(std::uint64_t size) override;

private:
    std::ostream& out_;
};

/// Leaves holes for zeros. As secret as what the kernel writes: for the owner only. file_error.
class core_sparse_file final : public core_output {
public:
    explicit core_sparse_file(const std::filesystem::path& path) : file_(path, "write of core file", 0600) {}

    void write(std::span<const std::byte>) override;
    void skip(std::uint64_t size) override { at_ += size; }
    /// All has been written.
    void finish();

private:
    atomic_file_writer file_;
    std::uint64_t at_ = 0;
};

}  // namespace vmio::detail
