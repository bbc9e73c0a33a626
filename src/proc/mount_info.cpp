// SPDX-License-Identifier: BSL-1.0
#include "proc/mount_info.hpp"

#include <charconv>

#include "proc/line_reader.hpp"

namespace vmio::detail {
namespace {

/// Removes the first field of `line`, and the space after it, and returns the field.
std::string_view take_field(std::string_view& line) noexcept {
    const std::string_view field = line.substr(0, line.find(' '));
    line.remove_prefix(field.size() < line.size() ? field.size() + 1 : line.size());
    return field;
}

bool is_device(std::string_view field, std::uint32_t major, std::uint32_t minor) noexcept {
    std::uint32_t numbers[2] = {};
    const char* const end = field.data() + field.size();
    const auto first = std::from_chars(field.data(), end, numbers[0]);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != ':') return false;
    const auto second = std::from_chars(first.ptr + 1, end, numbers[1]);
    return second.ec == std::errc() && numbers[0] == major && numbers[1] == minor;
}

}  // namespace

file_system_kind kind_of_type(std::string_view type) noexcept {
    if (type == "fuse" || type.starts_with("fuse.") || type == "fuseblk" || type.starts_with("fuseblk.") ||
        type == "autofs")
        return file_system_kind::may_stall;
    return type == "sysfs" || type == "proc" ? file_system_kind::kernel : file_system_kind::ordinary;
}

file_system_kind kind_of_device(int mount_info, std::uint32_t major, std::uint32_t minor) noexcept {
    // "36 35 98:0 /of/the/file/system /mount/point rw,noatime shared:1 master:2 - ext3 /dev/root rw"
    constexpr std::string_view separator = " - ";  // in no path, since spaces are escaped there
    line_reader lines(mount_info);
    for (std::string_view line; lines.next(line);) {
        take_field(line);
        take_field(line);
        if (!is_device(take_field(line), major, minor)) continue;
        const auto type = line.find(separator);
        if (type == line.npos) continue;
        line.remove_prefix(type + separator.size());
        return kind_of_type(take_field(line));
    }
    return file_system_kind::unknown;
}

}  // namespace vmio::detail
