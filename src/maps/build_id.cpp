// SPDX-License-Identifier: BSL-1.0
#include <vmio/build_id.hpp>

#include <vmio/error.hpp>

#include "maps/build_id_reader.hpp"

namespace vmio {

std::vector<std::byte> build_id(const process& target, const mapping& m) {
    return detail::build_id_reader(target).read(m);
}

std::vector<std::byte> build_id(const process& target, const mapping& m, std::error_code& ec) {
    ec.clear();
    try {
        return build_id(target, m);
    } catch (const memory_error& e) {
        ec = e.code();
        return {};
    }
}

}  // namespace vmio
