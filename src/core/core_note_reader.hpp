// SPDX-License-Identifier: BSL-1.0
/// Reading the notes of a core file: core(5), elf(5).
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

/// The content of the notes.
struct core_notes : process_info {
    std::vector<core_mapped_file> files;  // by address, none empty, without overlap
};

/// Reads the notes; invalid ones are skipped. Sets `cut_off` if the file ends before they do.
core_notes read_core_notes(const input_file&, const core_headers&, bool& cut_off);

}  // namespace vmio::detail
