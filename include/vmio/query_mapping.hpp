// SPDX-License-Identifier: BSL-1.0
/// What is mapped at an address, without reading the whole list.
#pragma once

#include <optional>
#include <system_error>

#include <vmio/detail/config.hpp>
#include <vmio/mapping.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// Which mapping is meant by an address.
enum class mapping_lookup {
    exact,       ///< the mapping that covers the address
    next_after,  ///< that one, or else the first above it
};

/// What a mapping must have to be found; what is false does not matter. With next_after, others are passed over.
struct mapping_filter {
    bool readable = false;     ///< permissions::read
    bool writable = false;     ///< permissions::write
    bool executable = false;   ///< permissions::execute
    bool shared = false;       ///< permissions::shared
    bool file_backed = false;  ///< mapping::file_backed()

    /// Whether `m` has all that is true here.
    bool passes(const mapping& m) const noexcept {
        return (m.perms.read || !readable) && (m.perms.write || !writable) && (m.perms.execute || !executable) &&
               (m.perms.shared || !shared) && (m.file_backed() || !file_backed);
    }
};

/// The mapping at `where`, or none: of the program that runs at that moment, also after exec(2). memory_error: ESRCH if
/// the process has ended, EACCES or EPERM if its maps may not be read, ESTALE if it called exec each time we looked.
///
/// By PROCMAP_QUERY (Linux 6.11) about half a microsecond, else (an older kernel, or a seccomp filter) by loading a
/// memory_map: same answers, but as slow as that. [vsyscall], which lies outside of what the target can unmap, is never
/// found here, though it is in a memory_map. A process that was opened between its vfork(2) and its exec is asked about
/// the memory that it shared then.
VMIO_EXPORT std::optional<mapping> query_mapping(const process& target, address where,
                                                 mapping_lookup lookup = mapping_lookup::exact,
                                                 mapping_filter filter = {});
/// The same without an exception: none with an error where it would throw.
VMIO_EXPORT std::optional<mapping> query_mapping(const process& target, address where, mapping_lookup lookup,
                                                 mapping_filter filter, std::error_code& ec);

/// Whether query_mapping() is the fast one here, as far as this process's own maps tell.
VMIO_EXPORT bool has_fast_mapping_query() noexcept;

}  // namespace vmio
