// SPDX-License-Identifier: BSL-1.0
/// Reading the ELF header and the program headers of a core file: elf(5).
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/mapping.hpp>

#include "base/input_file.hpp"

namespace vmio::detail {

struct core_segment {
    address_range range;
    permissions perms;
    std::uint64_t offset = 0;     // in the file
    std::uint64_t file_size = 0;  // of the complete file; at most range.size(); offset + file_size does not overflow
};

/// The position of notes in the file: a PT_NOTE segment.
struct core_note_segment {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

struct core_headers {
    unsigned machine = 0;
    unsigned word_size = 8;
    std::endian byte_order = std::endian::native;
    unsigned register_alignment = 8;     // of the general registers in NT_PRSTATUS
    bool cut_off = false;                // the file is truncated and lacks the number of segments
    std::vector<core_segment> segments;  // by address, none empty, without overlap
    std::vector<core_note_segment> notes;
};

/// Errors: file_error, see core_memory::open().
core_headers read_core_headers(const input_file&);

/// Returns: the end of what the headers of a core file speak of; nothing if they are not all among its first bytes.
/// Errors: file_error, if it is no ELF file.
std::optional<std::uint64_t> core_content_end(const input_file& first_bytes);

}  // namespace vmio::detail
