// SPDX-License-Identifier: BSL-1.0
/// The state of pages for the eye.
#pragma once

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <vmio/page_map.hpp>

#include "support/mapped.hpp"

namespace test {

/// A letter a page; '?' for a state that cannot be.
inline char letter(vmio::page_state s) {
    using enum vmio::page_state;
    const std::pair<vmio::page_state, char> letters[]{
        {absent, '.'},
        {guard, 'G'},
        {present | zero_page, 'Z'},
        {present | zero_page | huge, 'z'},
        {present | data | changed, 'P'},
        {present | data | changed | huge, 'p'},
        {present | file | data, 'F'},
        {present | file | data | huge, 'f'},
        {swapped | data | changed, 'S'},
    };
    for (const auto& [state, name] : letters)
        if (s == state) return name;
    return '?';
}

inline std::string picture(const std::vector<vmio::page_run>& runs) {
    std::string text;
    for (const vmio::page_run& run : runs) text.append(run.range.size() / vmio::page_size(), letter(run.state));
    return text;
}

inline std::string picture(pid_t id, const mapped& of) {
    return picture(scan_pages(vmio::process(id), of.range()));
}

/// By address, and no two that could be one.
inline bool in_order(const std::vector<vmio::page_run>& runs) {
    for (std::size_t i = 1; i < runs.size(); ++i) {
        if (runs[i].range.start() < runs[i - 1].range.end()) return false;
        if (runs[i].range.start() == runs[i - 1].range.end() && runs[i].state == runs[i - 1].state) return false;
    }
    return true;
}

}  // namespace test
