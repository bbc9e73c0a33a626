// SPDX-License-Identifier: BSL-1.0
/// Files that are replaced whole, and read with suspicion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include <sys/types.h>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// A new file beside the one that it will replace, or nothing: as said of snapshot::save(). Errors are file_error.
class atomic_file_writer {
public:
    /// `operation` is for errors: a string literal.
    atomic_file_writer(const std::filesystem::path& path, const char* operation, mode_t mode = 0666);
    atomic_file_writer(const atomic_file_writer&) = delete;
    atomic_file_writer& operator=(const atomic_file_writer&) = delete;
    ~atomic_file_writer();

    /// All of it.
    void write(std::uint64_t offset, std::span<const std::byte> bytes);

    /// What was not written is a hole then.
    void set_size(std::uint64_t size);

    /// What it replaces stays until all is on the disk.
    void put_in_place();

private:
    template <class F>
    void take_temporary_name(F&& take);
    void keep_group(gid_t group);

    const std::filesystem::path asked_;
    const char* const operation_;
    bool replaces_ = false;
    file_descriptor directory_;
    std::string name_;
    std::string temporary_;  // empty: it has none
    file_descriptor file_;
};

/// Reads a regular file from its start, to the last byte that it should have. Errors are file_error.
class saved_file {
public:
    /// `operation` is for errors: a string literal.
    saved_file(const std::filesystem::path& path, const char* operation);

    /// How many bytes follow.
    std::uint64_t left() const noexcept { return left_; }

    /// The next bytes, all of them, or EBADMSG.
    void read(std::span<std::byte> to);

    [[noreturn]] void fail(int code, const char* problem) const;

private:
    const std::filesystem::path path_;
    const char* const operation_;
    file_descriptor file_;
    std::uint64_t left_ = 0;
};

}  // namespace vmio::detail
