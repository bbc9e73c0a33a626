// SPDX-License-Identifier: BSL-1.0
/// The mapping at an address, without loading the whole list.
#pragma once

#include <optional>
#include <system_error>

#include <vmio/detail/config.hpp>
#include <vmio/mapping.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// Which mapping an address selects.
enum class mapping_lookup {
    exact,       ///< the mapping that covers the address
    next_after,  ///< that one, or else the first above it
};

/// Properties that a mapping must have to be found; false means any. With next_after, other mappings are skipped.
struct mapping_filter {
    bool readable = false;     ///< permissions::read
    bool writable = false;     ///< permissions::write
    bool executable = false;   ///< permissions::execute
    bool shared = false;       ///< permissions::shared
    bool file_backed = false;  ///< mapping::file_backed()

    /// Returns: whether `m` has all properties that are true here.
    bool passes(const mapping& m) const noexcept {
        return (m.perms.read || !readable) && (m.perms.write || !writable) && (m.perms.execute || !executable) &&
               (m.perms.shared || !shared) && (m.file_backed() || !file_backed);
    }
};

/// Finds the mapping at `where`, in the program that runs at that moment, also after exec(2). [vsyscall], which lies
/// where the target cannot unmap it, is never found, though a memory_map has it. Returns: the mapping; none if nothing
/// is mapped there. Errors: memory_error with ESRCH, the process has ended; EACCES or EPERM, its maps may not be read;
/// ESTALE, it called exec during each of several tries. Cost: half a microsecond by PROCMAP_QUERY (Linux 6.11); else,
/// on an older kernel or under a seccomp filter, a third of a microsecond for each mapping below it, or some
/// microseconds if the last query on this process was for a mapping shortly below. Races: a process that was opened
/// between its vfork(2) and its exec is asked about the memory that it shared then. From Linux 6.17 on the kernel
/// answers without the mmap lock: see memory_map.
VMIO_EXPORT std::optional<mapping> query_mapping(const process& target, address where,
                                                 mapping_lookup lookup = mapping_lookup::exact,
                                                 mapping_filter filter = {});
/// The same without memory_error.
/// Returns: none, with an error in `ec`, where the other throws.
VMIO_EXPORT std::optional<mapping> query_mapping(const process& target, address where, mapping_lookup lookup,
                                                 mapping_filter filter, std::error_code& ec);

/// Returns: whether query_mapping() uses PROCMAP_QUERY, as tried on this process's own maps by this thread.
VMIO_EXPORT bool has_fast_mapping_query() noexcept;

}  // namespace vmio
