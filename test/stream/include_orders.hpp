// SPDX-License-Identifier: BSL-1.0
/// What files that include different headers in different orders say of one type of Boost's.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>

namespace test {

struct buffer_facts {
    std::size_t size;
    std::string base;
    bool operator==(const buffer_facts&) const = default;
};

buffer_facts facts_by_memory_device();
buffer_facts facts_by_boost_first();
std::string read_by_boost_first(std::streambuf& buffer);

}  // namespace test
