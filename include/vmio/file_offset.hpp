// SPDX-License-Identifier: BSL-1.0
/// From addresses to places in files: what a symbolizer needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// A file that is mapped in a process, or something of the kernel's that looks like one: [vdso].
struct mapped_file {
    /// As of the mapping that shows it.
    /// @{
    std::string name;
    bool deleted = false;
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    std::uint64_t inode = 0;
    /// @}
    std::vector<std::byte> build_id;  ///< empty: none, or none that may be read

    friend bool operator==(const mapped_file&, const mapped_file&) = default;  ///< member by member
};

/// Where an address lies.
struct file_location {
    address where = 0;                ///< as asked for
    std::optional<std::size_t> file;  ///< an index into file_offsets::files; none where nothing with a name is mapped
    std::uint64_t offset = 0;         ///< into that file, in bytes
};

/// What file_offset() has found.
struct file_offsets {
    std::vector<mapped_file> files;        ///< each once, in the order of the first address in it
    std::vector<file_location> locations;  ///< one for each address, in their order
};

/// The file, the offset in it, and the file's build id for each of `addresses`, which are sorted (else
/// std::invalid_argument). One pass: a mapping is asked for once, however many addresses lie in it, and a file's build
/// id once: about a microsecond a mapping, where PROCMAP_QUERY is known; else the list is loaded once. Of [heap],
/// [stack] and the like it says the name, and the offset from the start of the mapping.
///
/// memory_error if the process cannot be looked at, or has ended. Not one moment of a target that maps meanwhile.
VMIO_EXPORT file_offsets file_offset(const process&, std::span<const address> addresses);

}  // namespace vmio
