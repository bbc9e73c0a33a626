// SPDX-License-Identifier: BSL-1.0
/// Which build of a program or library is mapped.
#pragma once

#include <cstddef>
#include <system_error>
#include <vector>

#include <vmio/detail/config.hpp>
#include <vmio/mapping.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// Finds the build id (elf(5), NT_GNU_BUILD_ID) of the ELF file that `m` shows, any part of it: from the kernel by
/// PROCMAP_QUERY (Linux 6.11); else from the backing_file; where that is refused, and for [vdso], from the target's
/// memory. A file that may stall (backing_file_options) is read from memory only, and only from pages that are present.
/// Returns: the bytes of the id; empty if there is none, or if it was not found within a bounded number of reads, which
/// suffices for every file that is not made to hurt.
/// Errors: memory_error with ESRCH, the process has ended; EPERM or EACCES, only its memory has the id, and may not be
/// read. Cost: 1 microsecond from the kernel, else some dozen reads; from memory also a load of the memory_map.
VMIO_EXPORT std::vector<std::byte> build_id(const process&, const mapping& m);
/// The same without memory_error.
/// Returns: empty, with an error in `ec`, where the other throws.
VMIO_EXPORT std::vector<std::byte> build_id(const process&, const mapping& m, std::error_code& ec);

}  // namespace vmio
