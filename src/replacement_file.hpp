// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include <sys/types.h>

#include "file_descriptor.hpp"

namespace vmio {

/// A new file beside the one that it will replace, or nothing. Whatever fails is a file_error that names `operation`
/// and the path that was asked for.
class replacement_file {
public:
    /// EINVAL if something stands there that is no regular file. A link stays: what it points to is replaced.
    replacement_file(const char* operation, const std::filesystem::path& path, mode_t mode);
    replacement_file(const replacement_file&) = delete;
    replacement_file& operator=(const replacement_file&) = delete;
    ~replacement_file();

    void write(std::uint64_t offset, std::span<const std::byte> bytes);
    /// What was not written is a hole.
    void set_size(std::uint64_t size);
    void put_in_place();

private:
    const char* operation_;
    const std::filesystem::path asked_;
    std::filesystem::path path_;
    std::filesystem::path temporary_;
    file_descriptor file_;
};

}  // namespace vmio
