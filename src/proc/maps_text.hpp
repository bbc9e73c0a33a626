// SPDX-License-Identifier: BSL-1.0
/// The text of /proc/PID/maps, as bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <vmio/mapping.hpp>

namespace vmio::detail {

/// A line as it stands in the text. `name` points into it and is as the kernel writes it: to_mapping() undoes that.
struct maps_line {
    address_range range;
    permissions perms;
    std::uint64_t offset = 0;
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    std::uint64_t inode = 0;
    std::string_view name;
};

/// Reads a line, without its newline. False if it makes no sense; `to` is anything then. The name may hold any byte.
bool parse_maps_line(std::string_view line, maps_line& to) noexcept;

/// The kernel writes a newline in a name as \012, and nothing else in another way; and it appends " (deleted)" to a
/// name that does not lead to the file any more. So a file that is really named "\012" or "x (deleted)" looks the same
/// as one named with a newline, or deleted. Here it is taken for the latter; mapping_name.hpp finds out.
constexpr std::string_view deleted_mark = " (deleted)";
constexpr std::string_view newline_mark = "\\012";

void to_mapping(const maps_line& line, mapping& to);

/// Returns: the range at the start of a line of /proc/PID/maps or smaps; an empty one if there is none.
address_range range_of_line(std::string_view line) noexcept;

/// Of a name as the kernel gives it: the mark becomes `deleted`.
void take_deleted_mark(mapping& m);

/// The name that the kernel would write for `m`.
std::string name_in_text(const mapping& m);

struct maps_list {
    std::vector<mapping> mappings;       ///< sorted, without overlaps
    std::vector<std::string> malformed;  ///< lines that make no sense
    bool torn = false;                   ///< lines overlapped, or were not in order
};

/// Reads a whole text. The last line may lack its newline. A text that was read in pieces while its process mapped and
/// unmapped may have lines that overlap what came before: the later line is the newer, so the earlier mappings keep
/// only what lies below it.
maps_list parse_maps(std::string_view text);

}  // namespace vmio::detail
