// SPDX-License-Identifier: BSL-1.0
/// Replacing a file atomically.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include <sys/types.h>

#include <vmio/existing_file.hpp>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

/// A new file in the directory of the one that it replaces, with the guarantees of snapshot::save(): until
/// put_in_place() returns, the old file is unchanged. Errors are file_error.
class atomic_file_writer {
public:
    /// Opens a temporary file for `path`. An existing file keeps its group, and the new one has no more permissions.
    /// `operation`, a string literal, is for errors.
    /// Errors: EINVAL for anything but a regular file; as `existing` says.
    atomic_file_writer(const std::filesystem::path& path, const char* operation, mode_t mode = 0666,
                       existing_file existing = existing_file::replace);
    atomic_file_writer(const atomic_file_writer&) = delete;
    atomic_file_writer& operator=(const atomic_file_writer&) = delete;
    ~atomic_file_writer();

    /// Writes all of `bytes`.
    /// Errors: EFBIG past RLIMIT_FSIZE.
    void write(std::uint64_t offset, std::span<const std::byte> bytes);

    /// Sets the size of the new file; parts that were not written are holes.
    /// Errors: EFBIG past RLIMIT_FSIZE and past what the file system can hold.
    void set_size(std::uint64_t size);

    /// Renames the new file over the old one after flushing it to disk (fdatasync(2)); a file that replaces none is not
    /// flushed. Errors: EEXIST with existing_file::refuse.
    void put_in_place();

private:
    template <class F>
    void take_temporary_name(F&& take);
    void keep_group(gid_t group);
    void find_place(const std::filesystem::path& place);
    void give_new_name();

    const std::filesystem::path asked_;
    const char* const operation_;
    const existing_file existing_;
    bool replaces_ = false;
    file_descriptor directory_;
    std::string name_;
    std::string temporary_;  // empty: the file is unnamed
    file_descriptor file_;
};

}  // namespace vmio::detail
