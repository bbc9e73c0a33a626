// SPDX-License-Identifier: BSL-1.0
#include "process/opening_error.hpp"

#include <cerrno>

#include <vmio/access.hpp>

namespace vmio::detail {

std::string opening_advice(pid_t id, const std::error_code& ec) {
    switch (ec.value()) {
        case ESRCH:
        case EPERM:
        case EACCES:
        case ENOSYS: break;
        default: return {};
    }
    if (id <= 0) return {};
    const access_diagnosis found = diagnose_access(id);
    if (found.obstacle == access_obstacle::none && ec.value() == ESRCH)
        return "the process has ended, and its id is another process's now";
    return found.text;
}

}  // namespace vmio::detail
