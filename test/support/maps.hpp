// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdio>
#include <fstream>
#include <string>

#include <vmio/address.hpp>

namespace test {

/// The first mapping of process `id` with this name, as the text of /proc has it; empty if there is none.
inline vmio::address_range mapping_named(pid_t id, const std::string& name) {
    std::ifstream maps("/proc/" + std::to_string(id) + "/maps");
    for (std::string line; std::getline(maps, line);) {
        unsigned long start = 0;
        unsigned long end = 0;
        if (line.ends_with(" " + name) && std::sscanf(line.c_str(), "%lx-%lx", &start, &end) == 2) return {start, end};
    }
    return {};
}

}  // namespace test
