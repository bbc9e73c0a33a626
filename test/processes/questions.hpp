// SPDX-License-Identifier: BSL-1.0
/// What can be asked about a process, for tests of what becomes of it meanwhile.
#pragma once

#include <sstream>
#include <vector>

#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/query_mapping.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/smaps.hpp>
#include <vmio/write_core.hpp>

namespace test {

/// The errno of the memory_error that `attempt` ends with; 0: none.
template <class F>
int memory_error_of(F&& attempt) {
    try {
        attempt();
    } catch (const vmio::memory_error& e) {
        return e.code().value();
    }
    return 0;
}

/// All that belongs to the program that a process was opened on.
inline const std::vector<void (*)(const vmio::process&)> of_one_program{
    [](const vmio::process& target) {
        vmio::region_reader reader(target);
        while (reader.next()) reader.fetch();
    },
    [](const vmio::process& target) {
        std::ostringstream out;
        vmio::write_core(target, out);
    },
    [](const vmio::process& target) {
        std::ostringstream out;
        vmio::core_options options;
        options.pause = false;
        vmio::write_core(target, out, options);
    },
    [](const vmio::process& target) { vmio::process_snapshot::capture(target); },
    [](const vmio::process& target) {
        vmio::capture_options options;
        options.pause = true;
        vmio::process_snapshot::capture(target, options);
    },
    [](const vmio::process& target) {
        vmio::scan_pages(target, {0, ~vmio::address{0}});
    },
    [](const vmio::process& target) { vmio::read_smaps(target); }};

/// What is asked of whatever program runs now.
inline const std::vector<void (*)(const vmio::process&)> of_any_program{
    [](const vmio::process& target) { vmio::memory_map::load(target); },
    [](const vmio::process& target) { vmio::query_mapping(target, 0, vmio::mapping_lookup::next_after); }};

}  // namespace test
