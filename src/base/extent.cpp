// SPDX-License-Identifier: BSL-1.0
#include "base/extent.hpp"

#include <algorithm>

namespace vmio::detail {

std::vector<extent> united(const std::vector<extent>& a, const std::vector<extent>& b) {
    std::vector<extent> result;
    const auto add = [&](const extent& next) {
        if (next.size == 0) return;
        if (!result.empty() && result.back().end() >= next.offset)
            result.back().size = std::max(result.back().end(), next.end()) - result.back().offset;
        else
            result.push_back(next);
    };
    auto in_a = a.begin();
    auto in_b = b.begin();
    while (in_a != a.end() || in_b != b.end())
        add(in_b == b.end() || (in_a != a.end() && in_a->offset < in_b->offset) ? *in_a++ : *in_b++);
    return result;
}

}  // namespace vmio::detail
