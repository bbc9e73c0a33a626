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

/// A file that cannot be read, written or understood. code() is the errno, or for a file whose content is wrong: EINVAL
/// (something else than expected), EOPNOTSUPP (of a version that is not known here), EBADMSG (damaged or cut off).
/// what() names the operation and the path, and says what is wrong. Copying does not throw.
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

    /// As it was given to what failed.
    const std::filesystem::path& path() const noexcept { return said_->path; }
    /// All of it in a sentence or two, for people.
    const char* what() const noexcept override;

private:
    struct words {
        std::filesystem::path path;
        std::string text;
    };
    std::shared_ptr<const words> said_;
};

}  // namespace vmio
