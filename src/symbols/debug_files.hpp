// SPDX-License-Identifier: BSL-1.0
/// Files of debug symbols that belong to another file.
#pragma once

#include <string>
#include <vector>

#include "base/file_descriptor.hpp"
#include "symbols/elf_symbols.hpp"

namespace vmio::detail {

/// Opens a regular file; nothing else, such as a FIFO, is waited for.
/// Returns: a closed one if it cannot be opened.
file_descriptor open_regular(const std::string& path) noexcept;

/// Returns: the file of debug symbols of `file`, whose path is `path`: by its build id in one of `directories`, or by
/// its .gnu_debuglink beside it and in these; with the same build id, or, if it has none, with the checksum of the
/// link. A closed one if there is none.
file_descriptor find_debug_file(const elf_file& file, const std::string& path,
                                const std::vector<std::string>& directories);

}  // namespace vmio::detail
