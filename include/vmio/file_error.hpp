// SPDX-License-Identifier: BSL-1.0
/// File I/O or file-format error.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include <vmio/detail/config.hpp>
#include <vmio/error.hpp>

namespace vmio {

/// A file that cannot be read, written or parsed. code() is the errno, or for wrong content: EINVAL (not of the
/// expected format), EOPNOTSUPP (of an unknown version), EBADMSG (damaged or truncated). what() names the operation,
/// the path and the problem. process_id() and where() are 0: the error is of a file, not of a target. Copying does not
/// throw.
class VMIO_EXPORT file_error : public memory_error {
public:
    /// `operation` must outlive the exception: a string literal. `problem` adds to what `code` says; it may be empty.
    file_error(const char* operation, std::filesystem::path path, std::error_code code,
               const std::string& problem = {});
    /// Copies share the text.
    /// @{
    file_error(const file_error&) noexcept = default;
    file_error& operator=(const file_error&) noexcept = default;
    /// @}
    ~file_error() override;

    /// The path as it was given to the operation.
    const std::filesystem::path& path() const noexcept { return said_->path; }
    /// The operation, the path and the problem.
    const char* what() const noexcept override;

private:
    struct words {
        std::filesystem::path path;
        std::string text;
    };
    std::shared_ptr<const words> said_;
};

}  // namespace vmio
