// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/query_mapping.hpp>

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

/// All mappings, each asked for by itself.
inline std::vector<vmio::mapping> mappings_one_by_one(const vmio::process& target) {
    std::vector<vmio::mapping> all;
    vmio::address at = 0;
    while (auto m = vmio::query_mapping(target, at, vmio::mapping_lookup::next_after)) {
        at = m->range.end();
        all.push_back(*std::move(m));
    }
    return all;
}

/// All mappings by the text, without the one that no query finds.
inline std::vector<vmio::mapping> mappings_by_text(const vmio::process& target) {
    const vmio::memory_map map = vmio::memory_map::load(target);
    std::vector<vmio::mapping> all(map.begin(), map.end());
    if (!all.empty() && all.back().name == "[vsyscall]") all.pop_back();
    return all;
}

}  // namespace test
