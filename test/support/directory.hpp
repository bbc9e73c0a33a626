// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <filesystem>
#include <string>

#include <sys/stat.h>

#include "support/scratch.hpp"

namespace test {

/// One that everybody may look into.
class directory {
public:
    directory() { must(::chmod(place_.path().c_str(), 0755) == 0, "chmod"); }

    std::filesystem::path path() const { return place_.path(); }
    std::filesystem::path operator/(const std::string& name) const { return path() / name; }

private:
    scratch_directory place_;
};

}  // namespace test
