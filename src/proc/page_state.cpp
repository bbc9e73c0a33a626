// SPDX-License-Identifier: BSL-1.0
#include <vmio/page_state.hpp>

#include <utility>

namespace vmio {

std::string to_string(page_state state) {
    using enum page_state;
    constexpr std::pair<page_state, const char*> names[]{
        {present, "present"}, {swapped, "swapped"}, {file, "file"}, {zero_page, "zero_page"}, {huge, "huge"},
        {guard, "guard"},     {absent, "absent"},   {data, "data"}, {changed, "changed"},     {poisoned, "poisoned"}};
    std::string text;
    for (const auto& [flag, name] : names) {
        if (!has(state, flag)) continue;
        if (!text.empty()) text += '|';
        text += name;
    }
    return text.empty() ? "none" : text;
}

std::string to_string(const page_run& run) {
    return to_string(run.range) + ": " + to_string(run.state);
}

}  // namespace vmio
