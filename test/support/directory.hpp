// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/stat.h>

#include "scratch.hpp"

namespace test {

/// One that everybody may look into.
struct directory : scratch_directory {
    directory() { must(::chmod(path().c_str(), 0755) == 0, "chmod"); }
};

}  // namespace test
