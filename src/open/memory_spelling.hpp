// SPDX-License-Identifier: BSL-1.0
/// The grammar of open_memory().
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include <vmio/address.hpp>

namespace vmio::detail {

enum class memory_kind { process, self, program, foreign_proc, core, snapshot, raw, remote, file };

/// A spelling, taken apart.
struct memory_spelling {
    memory_kind kind = memory_kind::file;
    std::string text;                     ///< what follows the kind: a name or a path
    pid_t process_id = 0;                 ///< of memory_kind::process
    address start = 0;                    ///< of memory_kind::raw
    std::optional<address_range> window;  ///< nothing can be read outside
};

/// Looks up files only to decide whether a `#` or an `@` belongs to a name.
/// Errors: std::invalid_argument with the nearest valid spelling.
memory_spelling parse_memory_spelling(std::string_view spelling);

}  // namespace vmio::detail
