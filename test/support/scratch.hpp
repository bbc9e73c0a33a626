// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "processes/child.hpp"

namespace test {

/// An empty directory that goes with the object, in whichever process made it.
class scratch_directory {
public:
    explicit scratch_directory(const std::filesystem::path& parent = std::filesystem::temp_directory_path())
        : path_((parent / "vmio-XXXXXX").string()) {
        must(::mkdtemp(path_.data()) != nullptr, "mkdtemp");
    }
    scratch_directory(const scratch_directory&) = delete;
    scratch_directory& operator=(const scratch_directory&) = delete;
    ~scratch_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const { return path_; }
    std::string operator/(const std::string& name) const { return path_ + '/' + name; }

private:
    std::string path_;
};

}  // namespace test
