// SPDX-License-Identifier: BSL-1.0
/// The notes of a core file: core(5), elf(5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <vmio/address.hpp>

#include "base/input_file.hpp"
#include "core/core_headers.hpp"
#include "process/process_info.hpp"

namespace vmio::detail {

/// A part of a file that was mapped: NT_FILE.
struct core_mapped_file {
    address_range range;
    std::uint64_t offset = 0;
    std::string name;
};

/// All that the notes say.
struct core_notes : process_info {
    std::vector<core_mapped_file> files;  // by address, none empty, without overlap
};

/// Notes that are not valid are left out. Sets `cut_off` if the file ends inside of one.
core_notes read_core_notes(const input_file&, const core_headers&, bool& cut_off);

}  // namespace vmio::detail
