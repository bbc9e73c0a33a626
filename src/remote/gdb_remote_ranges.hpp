// SPDX-License-Identifier: BSL-1.0
/// What a debugging server says about the memory of its target.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <vmio/address.hpp>

#include "remote/gdb_connection.hpp"

namespace vmio::detail {

/// Returns: the ranges of the elements `<memory>` of a memory map: GDB's manual, "Memory Map Format". Invalid elements
/// are left out.
std::vector<address_range> ranges_of_memory_map(std::string_view xml);

/// Returns: the ranges of the lines of a /proc/PID/maps that may be read.
std::vector<address_range> ranges_of_maps(std::string_view text);

/// Returns: the text of the target's /proc/PID/maps; empty if the server does not give it.
std::string maps_text_of(gdb_connection&);

/// Returns: the ranges that can be read, as the server tells; empty if it does not.
std::vector<address_range> ranges_of(gdb_connection&);

}  // namespace vmio::detail
