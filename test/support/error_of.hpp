// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <system_error>
#include <utility>

namespace test {

/// The error that `attempt` ends with, as an errno; 0: none.
template <class Attempt>
int error_of(Attempt&& attempt) {
    try {
        std::forward<Attempt>(attempt)();
    } catch (const std::system_error& e) {
        return e.code().value();
    }
    return 0;
}

}  // namespace test
