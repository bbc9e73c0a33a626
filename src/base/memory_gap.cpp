// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_gap.hpp>

namespace vmio {

const char* description(gap_reason reason) noexcept {
    switch (reason) {
        case gap_reason::unmapped: return "nothing is mapped there";
        case gap_reason::no_permission: return "the process itself may not read it";
        case gap_reason::guard_page: return "a guard page";
        case gap_reason::past_end_of_file: return "past the end of the mapped file";
        case gap_reason::swapped: return "swapped out";
        case gap_reason::input_output: return "the kernel cannot give it";
        case gap_reason::over_limit: return "more than was to be stored";
        case gap_reason::not_dumped: return "not in the core file";
        case gap_reason::cut_off: return "the core file ends too early";
    }
    return "unknown";
}

}  // namespace vmio
