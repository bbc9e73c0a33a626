// SPDX-License-Identifier: BSL-1.0
/// Parser of the text of /proc/PID/maps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <vmio/mapping.hpp>

namespace vmio::detail {

/// A parsed line. `name` points into the text and is escaped by the kernel: to_mapping() unescapes it.
struct maps_line {
    address_range range;
    permissions perms;
    std::uint64_t offset = 0;
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    std::uint64_t inode = 0;
    std::string_view name;
};

/// Parses a line without its newline. The name may hold any byte.
/// Returns: false if the line is malformed; then `to` is unspecified.
bool parse_maps_line(std::string_view line, maps_line& to) noexcept;

/// The kernel writes a newline in a name as \012, and escapes nothing else; and it appends " (deleted)" to a name that
/// no longer refers to the file. So a file literally named "\012" or "x (deleted)" is indistinguishable from one named
/// with a newline, or deleted. The latter is assumed here; mapping_name_resolver resolves the ambiguity.
constexpr std::string_view deleted_mark = " (deleted)";
constexpr std::string_view newline_mark = "\\012";

void to_mapping(const maps_line& line, mapping& to);

/// Returns: the range at the start of a line of /proc/PID/maps or smaps; an empty one if there is none.
address_range range_of_line(std::string_view line) noexcept;

/// Removes " (deleted)" from a name as the kernel writes it, and sets `deleted` instead.
void take_deleted_mark(mapping& m);

/// Returns: the name that the kernel would write for `m`.
std::string name_in_text(const mapping& m);

struct maps_list {
    std::vector<mapping> mappings;       ///< sorted, without overlaps
    std::vector<std::string> malformed;  ///< lines that could not be parsed
    bool torn = false;                   ///< lines overlapped, or were not in order
};

/// Parses a whole text. The last line may lack its newline. In a text that was read in parts while its process mapped
/// and unmapped, a line may overlap earlier ones: it is newer, so the earlier mappings are truncated to the part below
/// it.
maps_list parse_maps(std::string_view text);

}  // namespace vmio::detail
