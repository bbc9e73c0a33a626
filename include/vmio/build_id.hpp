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

/// The build id (elf(5), NT_GNU_BUILD_ID) of the ELF file that `m` shows, any part of it; empty if there is none. From
/// the kernel by PROCMAP_QUERY (Linux 6.11): about a microsecond. Else from the backing_file, and where that is
/// refused, and for [vdso], from the target's memory, which takes a load of its memory_map and some reads.
///
/// memory_error: ESRCH if the process has ended; EPERM or EACCES if only its memory could tell, and may not be read.
VMIO_EXPORT std::vector<std::byte> build_id(const process&, const mapping& m);
/// The same without that exception: empty with an error where it would throw.
VMIO_EXPORT std::vector<std::byte> build_id(const process&, const mapping& m, std::error_code& ec);

}  // namespace vmio
