// SPDX-License-Identifier: BSL-1.0
/// From addresses to offsets in files, as a symbolizer needs them.
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

/// A file that is mapped in a process, or a named mapping of the kernel, such as [vdso].
struct mapped_file {
    /// As in the mapping that shows it.
    /// @{
    std::string name;
    bool deleted = false;
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    std::uint64_t inode = 0;
    /// @}
    std::vector<std::byte> build_id;  ///< empty: none, or not readable

    friend bool operator==(const mapped_file&, const mapped_file&) = default;  ///< member by member
};

/// The place of an address.
struct file_location {
    address where = 0;                ///< as asked for
    std::optional<std::size_t> file;  ///< index into file_offsets::files; none where nothing with a name is mapped
    std::uint64_t offset = 0;         ///< in that file, in bytes
};

/// The result of file_offset().
struct file_offsets {
    std::vector<mapped_file> files;        ///< each once, in the order of the first address in it
    std::vector<file_location> locations;  ///< one for each address, in the same order
};

/// Finds the file, the offset in it and the file's build id for each of `addresses`, in one pass. For [heap], [stack]
/// and the like it finds the name, and the offset from the start of the mapping. Precondition: `addresses` is sorted,
/// else std::invalid_argument. Errors: memory_error if the process cannot be looked at, or has ended. Cost: a lookup
/// for each mapping, however many addresses lie in it, and a build_id() for each file; without PROCMAP_QUERY one load
/// of the memory_map instead of the lookups. Races: the mappings of a running target are not of one moment.
VMIO_EXPORT file_offsets file_offset(const process&, std::span<const address> addresses);

}  // namespace vmio
