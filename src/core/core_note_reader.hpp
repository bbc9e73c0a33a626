// SPDX-License-Identifier: BSL-1.0
/// What the notes of a core file say of the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/thread_registers.hpp>

#include "core/core_headers.hpp"
#include "core/core_source.hpp"

namespace vmio::detail {

/// A part of a file that was mapped: NT_FILE.
struct core_mapped_file {
    address_range range;
    std::uint64_t offset = 0;
    std::string name;
};

struct core_process {
    pid_t id = 0;
    std::string program;
    std::string arguments;
    std::vector<thread_registers> threads;
    std::vector<std::byte> auxiliary_vector;
    std::vector<core_mapped_file> files;  // by address, none empty, without overlap
};

/// What makes no sense in them is left out. Sets `cut_off` where the file ends inside.
core_process read_core_notes(const core_source&, const core_headers&, bool& cut_off);

}  // namespace vmio::detail
