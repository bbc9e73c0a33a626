// SPDX-License-Identifier: BSL-1.0
/// Options that region_reader, search() and process_snapshot::capture() share.
#pragma once

#include <functional>
#include <limits>

#include <vmio/address.hpp>
#include <vmio/mapping.hpp>

namespace vmio {

/// Which memory of a target is read, and where its bytes are taken from.
struct source_options {
    /// Take what a mapping shares with its file from the file, so that no page of the target becomes present.
    bool use_backing_files = true;
    /// Report private memory that was never touched as zeros without reading it. So is what userfaultfd(2) would bring
    /// at the first access, of which page tables do not tell; read_smaps() does: the flag "um". Only write_core() asks.
    bool skip_untouched = true;
    /// Read swapped pages, which brings them back into memory; false: they are gaps.
    bool read_swapped = true;
    /// Also read mappings whose protection forbids it to the target itself (PROT_NONE, -w-, --x), by /proc/PID/mem:
    /// what a core file has. With skip_untouched, pages of such a mapping that are neither present nor known from its
    /// file or as zeros are gaps (gap_reason::no_permission), so that none becomes present. false: they are left out.
    bool read_protected = false;
    /// Leave out mappings that the target excluded from core files: madvise(2), MADV_DONTDUMP. Cost: one walk of the
    /// page tables by the kernel (proc_pid_smaps(5)).
    bool skip_dontdump = false;
    /// Mappings are clipped to this range.
    address_range within{0, std::numeric_limits<address>::max()};
    /// Which mappings, of those that can be read and are not device memory; all if empty. See also
    /// mapping::file_backed().
    std::function<bool(const mapping&)> wanted{};
};

}  // namespace vmio
